/** How long to wait before trying again. */

const FIRST_MS = 250;
const LONGEST_MS = 5_000;
/** Waits differ by so much of themselves: clients that were lost together do not return together. */
const JITTER = 0.3;

/** Waits that double. */
export class Backoff {
  #next = FIRST_MS;
  #random;

  /** @param {() => number} [random] 0…1 */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** @returns {number} Milliseconds to wait before the next attempt. */
  next() {
    const wait = this.#next * (1 + JITTER * (this.#random() - 0.5));
    this.#next = Math.min(2 * this.#next, LONGEST_MS);
    return wait;
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal Ends the wait early.
 * @returns {Promise<void>}
 */
export function sleep(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
