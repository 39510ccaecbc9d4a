/** Sound that has come and was not yet heard; it keeps the session's time. */

/** Sound that waits before the first is heard; what the network's unevenness may use up. */
const TARGET = 0.06;
const LONGEST_TARGET = 0.4;
/** After a gap the buffer waits for so much more; without gaps it becomes shorter again. */
const GROWTH = 1.5;
const SHRINK_EVERY = 10;
const SHRINK = 0.9;
/** Time stamps may be off by so much and the sound still joins. */
const TOLERANCE = 0.005;
/** A hole up to this is silence; a longer one is another time. */
const LONGEST_HOLE = 0.5;
/** More than this beyond the target during a whole second is given up. */
const EXCESS = 0.03;
const WATCH = 1;
const CROSSFADE = 0.005;
const FADE = 0.003;

/** A queue of samples in seconds of the media clock; fit for a thread that must not wait. */
export class SoundBuffer {
  #rate;
  #ring;
  #read = 0;
  #count = 0;
  /** Media time of the end of what is held, in seconds. @type {number | null} */
  #end = null;
  #playing = false;
  #target = TARGET;
  #last = 0;
  /** Least held and samples read since the watch began. */
  #least = Infinity;
  #watched = 0;
  #calm = 0;
  /** How often there was nothing to play while playing. */
  underruns = 0;

  /**
   * @param {number} rate Samples a second.
   * @param {number} [longest] Seconds that fit.
   */
  constructor(rate, longest = 2) {
    this.#rate = rate;
    this.#ring = new Float32Array(Math.round(rate * longest));
  }

  /** @returns {number} Seconds that wait. */
  get filled() {
    return this.#count / this.#rate;
  }

  /** @returns {number} Seconds that shall wait. */
  get target() {
    return this.#target;
  }

  /** @returns {number | null} Media time of the next sample; null before the first sound. */
  get time() {
    return this.#end === null ? null : this.#end - this.filled;
  }

  /**
   * @param {Float32Array} samples
   * @param {number} time Media time of the first one, in seconds.
   */
  push(samples, time) {
    if (this.#end !== null) {
      const hole = time - this.#end;
      if (hole < -TOLERANCE || hole > LONGEST_HOLE) this.clear();
      else if (hole > TOLERANCE) this.#append(new Float32Array(Math.round(hole * this.#rate)));
    }
    this.#append(samples);
    this.#end = time + samples.length / this.#rate;
  }

  /**
   * Fill `out`: with sound, or with silence while there is none.
   *
   * @param {Float32Array} out
   * @returns {boolean} Whether it was sound.
   */
  read(out) {
    if (!this.#playing && this.filled >= this.#target) this.#playing = true;
    if (!this.#playing) {
      this.#fadeOut(out);
      return false;
    }
    this.#trim();
    const count = Math.min(out.length, this.#count);
    for (let at = 0; at < count; at++) out[at] = this.#ring[(this.#read + at) % this.#ring.length];
    this.#drop(count);
    if (count > 0) this.#last = out[count - 1];
    if (count < out.length) {
      this.#fadeOut(out.subarray(count));
      this.#starve();
    }
    this.#watch(out.length);
    return true;
  }

  /** Forget what waits; the next sound may be of any time. */
  clear() {
    this.#drop(this.#count);
    this.#end = null;
    this.#playing = false;
    this.#least = Infinity;
    this.#watched = 0;
  }

  #starve() {
    this.underruns++;
    this.#playing = false;
    this.#calm = 0;
    this.#target = Math.min(GROWTH * this.#target, LONGEST_TARGET);
  }

  /** @param {number} samples */
  #watch(samples) {
    this.#least = Math.min(this.#least, this.filled);
    this.#watched += samples / this.#rate;
    this.#calm += samples / this.#rate;
    if (this.#calm > SHRINK_EVERY) {
      this.#calm = 0;
      this.#target = Math.max(SHRINK * this.#target, TARGET);
    }
  }

  /** Be late no longer than needed: clocks differ, and a gap leaves delay behind. */
  #trim() {
    if (this.#watched < WATCH) return;
    const excess = Math.min(this.#least - this.#target, this.filled - 2 * CROSSFADE);
    this.#least = Infinity;
    this.#watched = 0;
    if (excess < EXCESS) return;
    const jump = Math.round(excess * this.#rate);
    const fade = Math.min(Math.round(CROSSFADE * this.#rate), this.#count - jump);
    const size = this.#ring.length;
    for (let at = 0; at < fade; at++) {
      const later = (this.#read + jump + at) % size;
      const weight = at / fade;
      const now = this.#ring[(this.#read + at) % size];
      this.#ring[later] = (1 - weight) * now + weight * this.#ring[later];
    }
    this.#drop(jump);
  }

  /** @param {Float32Array} samples */
  #append(samples) {
    const size = this.#ring.length;
    const late = Math.max(0, this.#count + samples.length - size);
    // Nobody hears what is two seconds late: the oldest goes.
    this.#drop(Math.min(late, this.#count));
    const start = this.#read + this.#count;
    const fitting = samples.length > size ? samples.subarray(samples.length - size) : samples;
    for (let at = 0; at < fitting.length; at++) this.#ring[(start + at) % size] = fitting[at];
    this.#count += fitting.length;
  }

  /** @param {number} count */
  #drop(count) {
    this.#read = (this.#read + count) % this.#ring.length;
    this.#count -= count;
  }

  /**
   * From the last sample to silence without a click.
   *
   * @param {Float32Array} out
   */
  #fadeOut(out) {
    const step = 1 / (FADE * this.#rate);
    for (let at = 0; at < out.length; at++) {
      const size = Math.abs(this.#last) - step;
      this.#last = size > 0 ? Math.sign(this.#last) * size : 0;
      out[at] = this.#last;
    }
  }
}
