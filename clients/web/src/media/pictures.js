/** Video frames to a track, each at the time it is given. */

import { isKey } from "./header.js";
import { PictureQueue } from "./picture_queue.js";

/** @import { Frame } from "./header.js" */

/** Decodes VP8; `show` what is due. */
export class VideoPictures {
  #queue = new PictureQueue((/** @type {VideoFrame} */ frame) => frame.close());
  #sink = openSink();
  /** @type {VideoDecoder} */
  #decoder;
  /** Nothing can be decoded before a key frame. */
  #waiting = true;
  decoded = 0;

  constructor() {
    this.#decoder = this.#start();
  }

  /** @returns {boolean} Whether this browser can. */
  static get supported() {
    return "VideoDecoder" in globalThis;
  }

  /** @returns {MediaStreamTrack} */
  get track() {
    return this.#sink.track;
  }

  /** @param {Frame} frame */
  push(frame) {
    if (this.#decoder.state === "closed") {
      this.#decoder = this.#start();
      this.#waiting = true;
    }
    const key = isKey(frame);
    if (this.#waiting && !key) return;
    this.#waiting = false;
    this.#decoder.decode(
      new EncodedVideoChunk({
        type: key ? "key" : "delta",
        timestamp: frame.time,
        data: frame.payload,
      }),
    );
  }

  /**
   * @param {number} now Media time in seconds.
   * @returns {number | null} Media time of the picture that is shown from now on, if it is another.
   */
  show(now) {
    const due = this.#queue.due(now);
    if (!due) return null;
    this.#sink.show(due.picture);
    return due.time;
  }

  /** Forget what was not shown yet. What follows still builds on it: it is decoded to its end. */
  clear() {
    this.#queue.clear();
  }

  /** Frames were missed: the next ones are of no use before a key frame. */
  restart() {
    this.#waiting = true;
  }

  close() {
    if (this.#decoder.state !== "closed") this.#decoder.close();
    this.#queue.clear();
    this.#sink.track.stop();
  }

  /** @returns {VideoDecoder} */
  #start() {
    const decoder = new VideoDecoder({
      output: (frame) => {
        this.decoded++;
        this.#queue.push(frame.timestamp / 1e6, frame);
      },
      // It is closed then; the next key frame finds a new one.
      error: () => {},
    });
    decoder.configure({ codec: "vp8", optimizeForLatency: true });
    return decoder;
  }
}

/**
 * @typedef {object} Sink
 * @property {MediaStreamTrack} track
 * @property {(frame: VideoFrame) => void} show Takes the frame.
 */

/** @returns {Sink} */
function openSink() {
  // Chromium takes the frames as they are; elsewhere they pass through a canvas.
  const Generator = /** @type {any} */ (globalThis).MediaStreamTrackGenerator;
  if (!Generator) return openCanvas();
  const track = new Generator({ kind: "video" });
  const writer = track.writable.getWriter();
  return { track, show: (frame) => void writer.write(frame).catch(() => frame.close()) };
}

/** @returns {Sink} */
function openCanvas() {
  const canvas = document.createElement("canvas");
  const drawing = canvas.getContext("2d", { alpha: false });
  const [track] = canvas.captureStream().getVideoTracks();
  const show = (/** @type {VideoFrame} */ frame) => {
    if (canvas.width !== frame.displayWidth) canvas.width = frame.displayWidth;
    if (canvas.height !== frame.displayHeight) canvas.height = frame.displayHeight;
    drawing?.drawImage(frame, 0, 0);
    frame.close();
  };
  return { track, show };
}
