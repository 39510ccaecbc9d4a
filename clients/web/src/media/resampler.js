/** Sound from one rate to another, piece by piece, by a windowed sinc. */

/** Zero crossings of the sinc to each side: steep enough for speech. */
const REACH = 12;

/** One stream of mono sound. */
export class Resampler {
  #ratio;
  #cut;
  #half;
  /** Input that is still needed. */
  #held;
  /** Input before that: whole numbers, so that nothing drifts, however small the pieces are. */
  #dropped = 0;
  /** Output so far. */
  #count = 0;

  /**
   * @param {number} from Rate of the input.
   * @param {number} to Rate of the output.
   */
  constructor(from, to) {
    if (!(from > 0 && to > 0)) throw new RangeError(`Rates must be positive: ${from}, ${to}.`);
    this.#ratio = from / to;
    // When the rate falls, what the new one cannot hold is filtered out.
    this.#cut = Math.min(1, to / from);
    this.#half = Math.ceil(REACH / this.#cut);
    this.#held = new Float32Array(this.#half);
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    if (this.#ratio === 1) return samples;
    const held = new Float32Array(this.#held.length + samples.length);
    held.set(this.#held);
    held.set(samples, this.#held.length);
    const last = held.length - this.#half;
    const out = [];
    for (let at = this.#position; at < last; at = this.#position) {
      out.push(this.#interpolate(held, at));
      this.#count++;
    }
    const drop = Math.max(0, Math.floor(this.#position) - this.#half);
    this.#held = held.slice(drop);
    this.#dropped += drop;
    return Float32Array.from(out);
  }

  /** @returns {number} Where the next output lies in `#held`. */
  get #position() {
    return this.#count * this.#ratio - this.#dropped + this.#half;
  }

  /** @returns {Float32Array} The end of a sound that is complete. */
  flush() {
    return this.push(new Float32Array(this.#half));
  }

  /**
   * @param {Float32Array} held
   * @param {number} at
   * @returns {number}
   */
  #interpolate(held, at) {
    const first = Math.max(0, Math.ceil(at - this.#half));
    const last = Math.min(held.length - 1, Math.floor(at + this.#half));
    let sum = 0;
    for (let index = first; index <= last; index++) {
      const x = index - at;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / this.#half);
      const angle = Math.PI * this.#cut * x;
      sum += held[index] * window * this.#cut * (angle === 0 ? 1 : Math.sin(angle) / angle);
    }
    return sum;
  }
}
