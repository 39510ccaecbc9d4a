/** A portrait as the server packs it. (jamflow_rt/serve/portraits.py) */

import { JamflowError } from "../errors.js";
import { Tensors } from "./safetensors.js";
import { LANDMARKS } from "./topology.js";

/**
 * @typedef {object} Layer One picture on its part of the mesh. They lie from back to front.
 * @property {string} name
 * @property {number} picture Which picture it shows; layers may share one.
 * @property {number} first Its first triangle.
 * @property {number} count Its triangles, drawn in this order.
 * @property {number} texels Texels of the picture in one canonical unit.
 */

/** The numbers and pictures of one portrait. */
export class Portrait {
  /** @param {ArrayBuffer} file */
  constructor(file) {
    const tensors = new Tensors(file);
    const { name, layers } = JSON.parse(tensors.metadata.pack ?? "{}");
    /** @type {string} */
    this.name = name;
    /** @type {Layer[]} */
    this.layers = layers ?? [];
    /** At rest: lips closed, eyes open, looking straight. */
    this.landmarks = tensors.floats("landmarks");
    /** Where the canonical origin lies in the picture, as shares of its size. */
    this.origin = tensors.floats("origin");
    /** One canonical unit as a share of the picture's size. */
    this.unit = tensors.floats("unit")[0];
    /** Rotation from the canonical frame to the sitter's head, row after row. */
    this.pose = tensors.floats("pose");
    /** 3 for each vertex, at rest. */
    this.vertices = tensors.floats("vertices");
    /** 2 for each vertex, shares of the picture. */
    this.uv = tensors.floats("uv");
    /** Half floats: the share of the head's movement. */
    this.follow = tensors.get("follow");
    /** 4 landmarks for each vertex. */
    this.pullIndex = tensors.get("pull_index");
    /** Half floats: how much each of the four pulls. */
    this.pullWeight = tensors.get("pull_weight");
    /** 3 vertices for each triangle. */
    this.triangles = tensors.get("triangles");
    const count = 1 + Math.max(-1, ...this.layers.map((layer) => layer.picture));
    /** As they came: they are decoded for each drawing context. */
    this.pictures = Array.from({ length: count }, (_, n) => {
      return new Blob([tensors.get(`picture.${n}`)], { type: "image/webp" });
    });
    if (this.landmarks.length !== 3 * LANDMARKS || !count) {
      throw new JamflowError("invalid_input", "The portrait is damaged.");
    }
  }
}
