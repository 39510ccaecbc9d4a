/**
 * The server's portrait, drawn by the browser.
 *
 *     const renderer = await PortraitRenderer.load(canvas, { portrait: "mara" });
 *     renderer.draw(latents); // a motion frame as it came, as often as one likes
 *     renderer.dispose();
 */

import { JamflowError } from "../errors.js";
import { Badge } from "./badge.js";
import { fetchDrawing } from "./fetching.js";
import { headMotion } from "./head.js";
import { Painter } from "./painter.js";
import { MotionTransfer } from "./transfer.js";

/** @typedef {import("./fetching.js").Source} Source */
/** @typedef {import("./motion_space.js").FaceState} FaceState */
/** @typedef {import("./motion_space.js").MotionSpace} MotionSpace */
/** @typedef {import("./portrait.js").Portrait} Portrait */

/**
 * @typedef {object} Drawing
 * @property {boolean} [badge] Mark the pictures as made by a machine, in a corner, as the server
 *   does; it says in `session.created` whether that is wanted. Default: false.
 */

/** @type {WebGLContextAttributes} */
const ATTRIBUTES = { alpha: false, antialias: false, depth: false, stencil: false };
/** The pictures' colours as they are: neither the screen's profile nor alpha is to change them. */
const AS_THEY_ARE = /** @type {const} */ ({
  premultiplyAlpha: "none",
  colorSpaceConversion: "none",
});

/**
 * Draws faces into a canvas, as large as the canvas is at that time: change `canvas.width` and
 * `canvas.height` as you like and draw again. The picture is a square in the middle.
 */
export class PortraitRenderer {
  #gl;
  #portrait;
  #transfer;
  #stop = new AbortController();
  /** None while the context is lost. @type {Painter | null} */
  #painter = null;
  /** Is drawn over each picture. @type {Badge | null} */
  #badge = null;
  #badged;
  /** What was drawn last, to be drawn again when the context is back. */
  #face;
  /** How motion latents are read. @type {MotionSpace} */
  motion;

  /**
   * Fetch a portrait and draw it at rest.
   *
   * @param {HTMLCanvasElement | OffscreenCanvas} canvas One that had no other context.
   * @param {Source} [source]
   * @param {Drawing} [drawing]
   * @returns {Promise<PortraitRenderer>} Rejects with a JamflowError, whose code is "not_supported"
   *   without WebGL2, "not_found" for an unknown portrait, "connection" without an answer; with an
   *   AbortError when the signal says so.
   */
  static async load(canvas, source = {}, { badge = false } = {}) {
    const context = canvas.getContext("webgl2", ATTRIBUTES);
    const gl = /** @type {WebGL2RenderingContext | null} */ (context);
    if (!gl) throw new JamflowError("not_supported", "This browser has no WebGL2.");
    const { portrait, motion } = await fetchDrawing(source);
    const renderer = new PortraitRenderer(canvas, gl, portrait, motion, badge);
    await renderer.#prepare();
    if (source.signal?.aborted) renderer.dispose();
    source.signal?.throwIfAborted();
    renderer.draw(motion.rest);
    return renderer;
  }

  /**
   * Use `load`.
   *
   * @param {HTMLCanvasElement | OffscreenCanvas} canvas
   * @param {WebGL2RenderingContext} gl
   * @param {Portrait} portrait
   * @param {MotionSpace} motion
   * @param {boolean} [badge]
   */
  constructor(canvas, gl, portrait, motion, badge = false) {
    this.#gl = gl;
    this.#portrait = portrait;
    this.#badged = badge;
    this.motion = motion;
    this.#face = motion.decode(motion.rest);
    this.#transfer = new MotionTransfer(portrait.landmarks, this.#face.landmarks);
    const { signal } = this.#stop;
    canvas.addEventListener("webglcontextlost", (event) => this.#lose(event), { signal });
    canvas.addEventListener("webglcontextrestored", () => void this.#restore(), { signal });
  }

  /** @returns {string} The portrait's name. */
  get portrait() {
    return this.#portrait.name;
  }

  /**
   * Draw a motion frame. While the context is lost nothing is drawn; the last frame follows when it
   * is back.
   *
   * @param {ArrayLike<number>} latents
   */
  draw(latents) {
    this.drawFace(this.motion.decode(latents));
  }

  /** @param {FaceState} face As `draw` does with what it decodes. */
  drawFace(face) {
    this.#face = face;
    this.#painter?.draw(this.#shifts(face), headMotion(face));
    this.#badge?.draw();
  }

  /** Free the graphics card's memory; nothing is drawn any more. */
  dispose() {
    this.#stop.abort();
    this.#painter?.dispose();
    this.#badge?.dispose();
    this.#painter = this.#badge = null;
  }

  /**
   * How far each landmark is from its place at rest, as the sitter holds the head.
   *
   * @param {FaceState} face
   */
  #shifts(face) {
    const { landmarks: rest, pose } = this.#portrait;
    const shifts = this.#transfer.apply(face.landmarks);
    for (let n = 0; n < shifts.length; n += 3) {
      const [x, y, z] = [0, 1, 2].map((axis) => shifts[n + axis] - rest[n + axis]);
      for (let axis = 0; axis < 3; axis++) {
        shifts[n + axis] = pose[3 * axis] * x + pose[3 * axis + 1] * y + pose[3 * axis + 2] * z;
      }
    }
    return shifts;
  }

  async #prepare() {
    const bitmaps = await Promise.all(
      this.#portrait.pictures.map((picture) => createImageBitmap(picture, AS_THEY_ARE)),
    );
    try {
      // It may have been disposed, or lost again, or lost and prepared by another call.
      if (this.#stop.signal.aborted || this.#gl.isContextLost() || this.#painter) return;
      this.#painter = new Painter(this.#gl, this.#portrait, bitmaps);
      if (this.#badged) this.#badge = new Badge(this.#gl);
    } catch (error) {
      // Lost meanwhile: it is prepared once more when it is back.
      if (!this.#gl.isContextLost()) throw error;
    } finally {
      for (const bitmap of bitmaps) bitmap.close();
    }
  }

  /** @param {Event} event */
  #lose(event) {
    // Without this it would never be restored.
    event.preventDefault();
    this.#painter = this.#badge = null;
  }

  async #restore() {
    await this.#prepare();
    this.drawFace(this.#face);
  }
}
