/**
 * One person's expression on another face: what carries over are differences from rest, measured
 * in the features' own size, so that lips meet and eyes close when the speaker's do.
 * (jamflow_rt/render/transfer.py)
 */

import { EYES, LANDMARKS, LOWER_LIP, UPPER_LIP } from "./topology.js";

/** @typedef {import("./topology.js").Eye} Eye */

// A tracker reads eyes that are shut as a little open (about a fifth of the rest opening), and a
// real lid cannot open much further than wide.
const SHUT = 0.25;
const WIDE = 1.35;
/** Centimetres; below this a gap between the lips is measurement, not air. */
const LIP_NOISE = 0.05;
/** The reach of a feature's own scale, in centimetres. */
const REACH = 3.5;
/** The lower lid's share of its own movement (smiles push it up). */
const LOWER_LID = 0.6;
/** The most an iris wanders, in widths of its eye. */
const GAZE = 0.22;

/** Moves a portrait's landmarks as another face's landmarks moved. */
export class MotionTransfer {
  #rest;
  #neutral;
  #scale;
  #lipScale;
  /** Of each eye: the mean opening of the other face at rest. */
  #openings;

  /**
   * @param {Float32Array} rest The portrait's landmarks at rest, lips closed.
   * @param {Float32Array} neutral The face at rest that motion is measured from.
   */
  constructor(rest, neutral) {
    this.#rest = rest;
    this.#neutral = neutral;
    this.#scale = featureScales(rest, neutral);
    this.#lipScale = this.#scale[UPPER_LIP.inner[5]];
    this.#openings = EYES.map((eye) => opening(neutral, eye));
  }

  /**
   * @param {Float32Array} landmarks Of the other face.
   * @returns {Float32Array} The portrait's landmarks.
   */
  apply(landmarks) {
    const moved = new Float32Array(3 * LANDMARKS);
    for (let n = 0; n < moved.length; n++) {
      const shift = landmarks[n] - this.#neutral[n];
      moved[n] = this.#rest[n] + this.#scale[Math.floor(n / 3)] * shift;
    }
    this.#meetLips(landmarks, moved);
    EYES.forEach((eye, n) => this.#closeLids(eye, this.#openings[n], landmarks, moved));
    return moved;
  }

  /**
   * @param {Float32Array} landmarks
   * @param {Float32Array} moved
   */
  #meetLips(landmarks, moved) {
    for (let n = 1; n < UPPER_LIP.inner.length - 1; n++) {
      const upper = 3 * UPPER_LIP.inner[n] + 1;
      const lower = 3 * LOWER_LIP.inner[n] + 1;
      const wider = landmarks[lower] - landmarks[upper];
      const gap = Math.max(wider - (this.#neutral[lower] - this.#neutral[upper]), 0);
      const air = gap ** 2 / (gap + LIP_NOISE);
      const wanted = this.#lipScale * air + this.#rest[lower] - this.#rest[upper];
      const correction = wanted - (moved[lower] - moved[upper]);
      moved[upper] -= 0.5 * correction;
      moved[lower] += 0.5 * correction;
      // The ring before goes half way so that the inner lip rolls instead of folding.
      moved[3 * UPPER_LIP.body[n] + 1] -= 0.25 * correction;
      moved[3 * LOWER_LIP.body[n] + 1] += 0.25 * correction;
    }
  }

  /**
   * @param {Eye} eye
   * @param {number} atRest
   * @param {Float32Array} landmarks
   * @param {Float32Array} moved
   */
  #closeLids(eye, atRest, landmarks, moved) {
    const rest = this.#rest;
    const share = (opening(landmarks, eye) / atRest - SHUT) / (1 - SHUT);
    const openness = Math.min(Math.max(share, 0), WIDE);
    const [outer, inner] = [3 * eye.upper[0], 3 * eye.upper[eye.upper.length - 1]];
    const carried = [0, 1, 2].map(
      (axis) =>
        (moved[outer + axis] - rest[outer + axis] + moved[inner + axis] - rest[inner + axis]) / 2,
    );
    for (let n = 1; n < eye.upper.length - 1; n++) {
      for (let axis = 0; axis < 3; axis++) {
        const upper = 3 * eye.upper[n] + axis;
        const lower = 3 * eye.lower[n] + axis;
        const own = moved[lower] - rest[lower] - carried[axis];
        moved[lower] = rest[lower] + carried[axis] + LOWER_LID * own;
        moved[upper] = moved[lower] + openness * (rest[upper] - rest[lower]);
      }
    }
    // Behind closed lids the tracker only guesses where the iris is.
    const seen = Math.min(Math.max(openness * 1.6 - 0.3, 0), 1);
    const reach = GAZE * distance(rest, eye.upper[0], eye.upper[eye.upper.length - 1]);
    const look = [0, 1].map((axis) => {
      const at = 3 * eye.iris + axis;
      return reach * Math.tanh(((moved[at] - rest[at] - carried[axis]) * seen) / reach);
    });
    for (let n = 3 * eye.iris; n < 3 * (eye.iris + 5); n++) {
      moved[n] = rest[n] + carried[n % 3] + (look[n % 3] ?? 0);
    }
  }
}

/**
 * How large the portrait's features are beside the other face's, for each landmark.
 *
 * @param {Float32Array} rest
 * @param {Float32Array} neutral
 */
function featureScales(rest, neutral) {
  const scales = new Float32Array(LANDMARKS).fill(1);
  const ends = (/** @type {number[]} */ arc) => [arc[0], arc[arc.length - 1]];
  for (const [a, b] of [UPPER_LIP.inner, ...EYES.map((eye) => eye.upper)].map(ends)) {
    const grown = distance(rest, a, b) / distance(neutral, a, b) - 1;
    const centre = [0, 1, 2].map((axis) => (rest[3 * a + axis] + rest[3 * b + axis]) / 2);
    for (let n = 0; n < LANDMARKS; n++) {
      const away = centre.reduce((sum, part, axis) => sum + (rest[3 * n + axis] - part) ** 2, 0);
      scales[n] += Math.exp(-away / REACH ** 2) * grown;
    }
  }
  return scales;
}

/**
 * The mean distance between an eye's lids.
 *
 * @param {Float32Array} landmarks
 * @param {Eye} eye
 */
function opening(landmarks, { upper, lower }) {
  let sum = 0;
  for (let n = 1; n < upper.length - 1; n++) sum += distance(landmarks, upper[n], lower[n]);
  return sum / (upper.length - 2);
}

/**
 * @param {Float32Array} landmarks
 * @param {number} a
 * @param {number} b
 */
function distance(landmarks, a, b) {
  const [x, y, z] = [0, 1, 2].map((axis) => landmarks[3 * a + axis] - landmarks[3 * b + axis]);
  return Math.hypot(x, y, z);
}
