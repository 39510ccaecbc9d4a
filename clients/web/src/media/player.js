/** Plays a session's media frames: sound leads, pictures are shown when their sound is heard. */

import { DrawnPictures } from "./drawing.js";
import { AUDIO, MOTION, VIDEO } from "./header.js";
import { VideoPictures } from "./pictures.js";
import { Sound } from "./sound.js";

/** @import { Shown } from "./drawing.js" */
/** @import { Frame } from "./header.js" */
/** @import { Media, Stats } from "../types.js" */

/** How fast the shown offset follows the measured one. */
const SYNC_WEIGHT = 0.1;

/** One session's sound and pictures, as tracks. */
export class Player {
  #media;
  #sound;
  #pictures;
  #epoch = -1;
  #bytes = 0;
  #drawing = 0;
  /** Sound minus picture in seconds, averaged. @type {number | null} */
  #sync = null;
  /** When pictures of the last second were shown, in milliseconds of the page. @type {number[]} */
  #shown = [];

  /**
   * @param {Media} media
   * @param {Sound} sound
   * @param {VideoPictures | DrawnPictures | null} pictures
   */
  constructor(media, sound, pictures) {
    this.#media = media;
    this.#sound = sound;
    this.#pictures = pictures;
    this.#draw();
  }

  /**
   * @param {Media} media
   * @param {URL} base The server's address.
   * @param {HTMLCanvasElement | null | undefined} canvas For motion, as `DrawnPictures` takes it.
   * @param {(motion: Shown) => void} tell Is told of each motion when its time has come.
   * @returns {Promise<Player>}
   */
  static async open(media, base, canvas, tell) {
    const sound = await Sound.open();
    const pictures = {
      video: () => new VideoPictures(),
      motion: () => new DrawnPictures(base, tell, canvas),
      audio: () => null,
    };
    return new Player(media, sound, pictures[media]());
  }

  /** @returns {MediaStreamTrack[]} */
  get tracks() {
    const pictures = this.#pictures?.track;
    return pictures ? [pictures, this.#sound.track] : [this.#sound.track];
  }

  /** @returns {boolean} Whether the browser lets this page make sound. */
  get audible() {
    return this.#sound.running;
  }

  /** @param {Frame} frame */
  receive(frame) {
    if (frame.epoch < this.#epoch) return;
    if (frame.epoch > this.#epoch) this.#begin(frame.epoch);
    this.#bytes += frame.payload.length;
    if (frame.kind === AUDIO) this.#sound.push(frame.payload, frame.time);
    const fits = this.#pictures instanceof VideoPictures ? VIDEO : MOTION;
    if (frame.kind === fits) this.#pictures?.push(frame);
  }

  /** The connection was away, and frames are missing. */
  restart() {
    this.#epoch = -1;
    if (this.#pictures instanceof VideoPictures) this.#pictures.restart();
  }

  /**
   * @param {string} name Portrait to draw from now on.
   * @param {boolean} badge Whether its pictures are marked as made by a machine.
   * @returns {Promise<void>}
   */
  async change(name, badge) {
    if (this.#pictures instanceof DrawnPictures) await this.#pictures.change(name, badge);
  }

  /** @param {boolean} silent */
  hush(silent) {
    this.#sound.hush(silent);
  }

  wake() {
    this.#sound.wake();
  }

  /** @returns {Stats} */
  stats() {
    const { energy, level, filled, underruns } = this.#sound.state;
    return {
      transport: "websocket",
      media: this.#media,
      bytesReceived: this.#bytes,
      framesDecoded: this.#pictures?.decoded ?? 0,
      framesPerSecond: this.#shown.filter((at) => at > performance.now() - 1000).length,
      audioEnergy: energy,
      audioLevel: level,
      roundTripMs: null,
      syncMs: this.#sync === null ? null : 1000 * this.#sync,
      bufferMs: 1000 * filled,
      underruns,
    };
  }

  close() {
    cancelAnimationFrame(this.#drawing);
    this.#pictures?.close();
    this.#sound.close();
  }

  /** @param {number} epoch */
  #begin(epoch) {
    const first = this.#epoch < 0;
    this.#epoch = epoch;
    if (first) return;
    this.#sound.clear();
    this.#pictures?.clear();
  }

  #draw() {
    this.#drawing = requestAnimationFrame(() => this.#draw());
    const now = this.#sound.now();
    const time = now === null ? null : (this.#pictures?.show(now) ?? null);
    if (now === null || time === null) return;
    const wall = performance.now();
    this.#shown = [...this.#shown.filter((at) => at > wall - 1000), wall];
    // A picture is seen for a frame's time; that it is this late already is its mean error.
    const sync = now - time;
    this.#sync = this.#sync === null ? sync : this.#sync + SYNC_WEIGHT * (sync - this.#sync);
  }
}
