/** A face drawn in this browser, from its motion. */

import { parseMotion } from "./motion_frame.js";
import { PictureQueue } from "./picture_queue.js";

/** @import { Frame } from "./header.js" */
/** @import { Motion } from "./motion_frame.js" */

/** Pixels of a side, as the server draws it. */
const SIZE = 512;

/**
 * @typedef {object} Renderer
 * @property {(latents: Float32Array) => void} draw
 * @property {() => void} dispose
 */

/**
 * @typedef {Motion & {drawn: boolean}} Shown A motion at its time, and whether it was drawn: not
 *   before the portrait is there.
 */

/** Draws the portrait; `show` what is due. */
export class DrawnPictures {
  /** @type {PictureQueue<Motion>} */
  #queue = new PictureQueue(() => {});
  #canvas;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #base;
  #tell;
  /** @type {Renderer | null} */
  #renderer = null;
  #portrait = "";
  #loading = new AbortController();
  decoded = 0;

  /**
   * @param {URL} base The server's address.
   * @param {(motion: Shown) => void} tell
   * @param {HTMLCanvasElement | null | undefined} canvas To draw into; null: nothing is drawn;
   *   undefined: a track has the pictures.
   */
  constructor(base, tell, canvas) {
    this.#base = base;
    this.#tell = tell;
    this.#canvas = canvas === undefined ? document.createElement("canvas") : canvas;
    if (canvas !== undefined || !this.#canvas) return;
    this.#canvas.width = this.#canvas.height = SIZE;
    this.#track = this.#canvas.captureStream().getVideoTracks()[0];
  }

  /** @returns {MediaStreamTrack | null} */
  get track() {
    return this.#track;
  }

  /**
   * Show another face; the one before stays until it is there.
   *
   * @param {string} portrait
   * @param {boolean} badge Whether its pictures are marked as made by a machine.
   */
  async change(portrait, badge) {
    if (portrait === this.#portrait || !this.#canvas) return;
    this.#portrait = portrait;
    this.#loading.abort();
    const { signal } = (this.#loading = new AbortController());
    // Only those who draw here need to load what draws.
    const { PortraitRenderer } = await import("../render/renderer.js");
    const baseUrl = this.#base.href;
    const source = { baseUrl, portrait, signal };
    const renderer = await PortraitRenderer.load(this.#canvas, source, { badge });
    if (signal.aborted) {
      renderer.dispose();
      return;
    }
    this.#renderer?.dispose();
    this.#renderer = renderer;
  }

  /** @param {Frame} frame */
  push(frame) {
    this.decoded++;
    this.#queue.push(frame.time / 1e6, parseMotion(frame.payload));
  }

  /**
   * @param {number} now Media time in seconds.
   * @returns {number | null} Media time of the picture that is shown from now on, if it is another.
   */
  show(now) {
    const due = this.#queue.due(now);
    if (!due) return null;
    this.#renderer?.draw(due.picture.latents);
    this.#tell({ ...due.picture, drawn: this.#renderer !== null });
    return due.time;
  }

  clear() {
    this.#queue.clear();
  }

  close() {
    this.#loading.abort();
    this.#renderer?.dispose();
    this.#renderer = null;
    this.#track?.stop();
  }
}
