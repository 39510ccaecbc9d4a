/** Sound that is given to the server, from samples or from a live source. */

import { JamflowError } from "./errors.js";
import { toFloat, toInt16 } from "./media/pcm.js";
import { Resampler } from "./media/resampler.js";
import { Microphone } from "./microphone.js";

/** @import { Purpose } from "./types.js" */

/** Rate of the sound that goes to the server. */
export const INPUT_RATE = 24_000;
/** Samples of one message of sound. */
const INPUT_PIECE = 4_800;

/** The sound of one avatar's session. */
export class SoundInput {
  #send;
  #live;
  /** Sound that is pushed in pieces, by purpose and rate. @type {Map<string, Resampler>} */
  #resamplers = new Map();
  /** @type {Set<Microphone>} */
  #microphones = new Set();

  /**
   * @param {(samples: Int16Array, purpose: Purpose) => void} send Throws when there is no
   *   connection.
   * @param {() => boolean} live Whether there is a connection now.
   */
  constructor(send, live) {
    this.#send = send;
    this.#live = live;
  }

  /**
   * @param {Int16Array | Float32Array} samples
   * @param {Purpose} purpose
   * @param {number} rate
   */
  push(samples, purpose, rate) {
    const key = `${purpose} ${rate}`;
    const resampler = this.#resamplers.get(key) ?? new Resampler(rate, INPUT_RATE);
    this.#resamplers.set(key, resampler);
    const sound = samples instanceof Int16Array ? toFloat(samples) : samples;
    this.#sendPieces(resampler.push(sound), purpose);
  }

  /**
   * @param {MediaStream | null} stream Null: the microphone.
   * @param {Purpose} purpose
   * @param {AbortSignal} signal Aborted when the connection is given up.
   * @returns {Promise<Microphone>}
   */
  async open(stream, purpose, signal) {
    const microphone = await Microphone.open(stream, INPUT_RATE, (samples) => {
      // What is said while the connection is away is lost, as on a telephone.
      if (this.#live()) this.#sendPieces(samples, purpose);
    });
    if (signal.aborted) {
      microphone.stop();
      throw new JamflowError("connection", "The connection was closed.");
    }
    this.#microphones.add(microphone);
    return microphone;
  }

  /** What drives the face is complete. */
  flush() {
    for (const [key, resampler] of this.#resamplers) {
      if (key.startsWith("drive")) this.#sendPieces(resampler.flush(), "drive");
    }
    this.forget();
  }

  /** What comes next does not go on with what came before. */
  forget() {
    this.#resamplers.clear();
  }

  /** No live source is heard any more. */
  stop() {
    for (const microphone of this.#microphones) microphone.stop();
    this.#microphones.clear();
  }

  /**
   * @param {Float32Array} samples At INPUT_RATE.
   * @param {Purpose} purpose
   */
  #sendPieces(samples, purpose) {
    const sound = toInt16(samples);
    for (let at = 0; at < sound.length; at += INPUT_PIECE) {
      this.#send(sound.subarray(at, at + INPUT_PIECE), purpose);
    }
  }
}
