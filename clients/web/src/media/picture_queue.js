/** Pictures that wait for their time. */

/** Half a second: a page in the background shows none and must not hold them all. */
const LONGEST = 12;

/**
 * @template T
 */
export class PictureQueue {
  /** @type {{time: number, picture: T}[]} */
  #waiting = [];
  #drop;

  /** @param {(picture: T) => void} drop Is told of pictures that will not be shown. */
  constructor(drop) {
    this.#drop = drop;
  }

  /**
   * @param {number} time In seconds of the media clock; not before those that wait.
   * @param {T} picture
   */
  push(time, picture) {
    this.#waiting.push({ time, picture });
    if (this.#waiting.length > LONGEST) this.#drop(this.#take().picture);
  }

  /**
   * The picture that is to be seen at this time, once; those before it are dropped.
   *
   * @param {number} now
   * @returns {{time: number, picture: T} | null}
   */
  due(now) {
    let found = null;
    while (this.#waiting.length && this.#waiting[0].time <= now) {
      if (found) this.#drop(found.picture);
      found = this.#take();
    }
    return found;
  }

  clear() {
    while (this.#waiting.length) this.#drop(this.#take().picture);
  }

  /** @returns {{time: number, picture: T}} */
  #take() {
    const first = this.#waiting.shift();
    if (!first) throw new RangeError("No picture waits.");
    return first;
  }
}
