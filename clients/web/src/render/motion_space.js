/** Motion latents → faces, as jamflow_rt/codec/motion.py does it. */

import { JamflowError } from "../errors.js";
import { Tensors } from "./safetensors.js";
import { LANDMARKS } from "./topology.js";

/**
 * @typedef {object} FaceState What a face does at one instant. x to the right of the picture, y
 *   down, z away from the viewer, in centimetres of a face whose outer eye corners are 8.8 apart.
 * @property {Float32Array} landmarks 478 × (x, y, z), without the head's pose.
 * @property {[number, number, number]} rotation Of the head: a rotation vector in radians.
 * @property {[number, number]} translation Of the head.
 * @property {number} scale Size of the head relative to rest.
 */

const POSE_SIZE = 6;

/** The linear map from motion latents to faces. */
export class MotionSpace {
  /** @type {Float32Array} */
  #average;
  /** One displacement of all landmarks after the other. @type {Float32Array} */
  #basis;
  /** @type {Float32Array} */
  #poseMean;
  /** @type {Float32Array} */
  #poseStd;
  /** The latents of the face at rest: lips closed, eyes open, looking straight. */
  rest;
  /** Numbers of one motion frame. */
  size;

  /** @param {ArrayBuffer} file What the server has at /v1/motion-space. */
  constructor(file) {
    const tensors = new Tensors(file);
    this.#average = tensors.floats("average");
    this.#basis = tensors.floats("basis");
    this.#poseMean = tensors.floats("pose_mean");
    this.#poseStd = tensors.floats("pose_std");
    this.rest = tensors.floats("rest");
    const shapes = this.#basis.length / (3 * LANDMARKS);
    this.size = shapes + POSE_SIZE;
    const fits = this.#average.length === 3 * LANDMARKS && this.rest.length === this.size;
    if (!fits || this.#poseMean.length !== POSE_SIZE || this.#poseStd.length !== POSE_SIZE) {
      throw new JamflowError("invalid_input", "The motion space is damaged.");
    }
  }

  /** @returns {Float32Array} The landmarks at rest; renderers apply a face's difference from it. */
  get neutral() {
    return this.decode(this.rest).landmarks;
  }

  /**
   * @param {ArrayLike<number>} latents One motion frame, of `size` numbers.
   * @returns {FaceState}
   */
  decode(latents) {
    if (latents.length !== this.size) {
      const message = `A motion frame has ${this.size} numbers, not ${latents.length}.`;
      throw new JamflowError("invalid_input", message);
    }
    if (!Array.from(latents).every(Number.isFinite)) {
      throw new JamflowError("invalid_input", "The motion holds NaN or infinite numbers.");
    }
    const landmarks = this.#average.slice();
    const shapes = this.size - POSE_SIZE;
    for (let shape = 0; shape < shapes; shape++) {
      const share = latents[shape];
      const start = shape * landmarks.length;
      for (let n = 0; n < landmarks.length; n++) landmarks[n] += share * this.#basis[start + n];
    }
    const pose = Array.from(
      this.#poseStd,
      (std, n) => std * (latents[shapes + n] - this.rest[shapes + n]),
    );
    return {
      landmarks,
      rotation: [pose[0], pose[1], pose[2]],
      translation: [pose[3], pose[4]],
      scale: Math.exp(pose[5]),
    };
  }
}
