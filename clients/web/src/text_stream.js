/** A text that is said while it is still being written. */

import { JamflowError } from "./errors.js";

/** @import { Said } from "./types.js" */

/** One text; `write` its pieces, then `end` it. */
export class TextStream {
  #id;
  #ask;
  #send;
  /** @type {Promise<Said> | null} */
  #said = null;
  /** @type {"new" | "open" | "ended"} */
  #state = "new";

  /**
   * @param {string} id Event id of all its pieces.
   * @param {(id: string) => Promise<Said>} ask Called before the first piece is sent.
   * @param {(event: object) => void} send
   */
  constructor(id, ask, send) {
    this.#id = id;
    this.#ask = ask;
    this.#send = send;
  }

  /** @returns {string} */
  get id() {
    return this.#id;
  }

  /** @returns {boolean} Whether pieces were sent and more can be. */
  get begun() {
    return this.#state === "open";
  }

  /** @returns {boolean} Whether more can be written. */
  get open() {
    return this.#state !== "ended";
  }

  /**
   * Say this next.
   *
   * @param {string} delta
   * @returns {boolean} False when nobody wants the rest: it was interrupted or refused.
   */
  write(delta) {
    if (this.#state === "ended") return false;
    if (!delta) return true;
    if (!this.#said) {
      this.#said = this.#ask(this.#id);
      // Whoever awaits `end` hears of it; before that, nobody has to.
      this.#said.catch(() => {});
    }
    this.#send({ type: "input_text.append", delta, event_id: this.#id });
    this.#state = "open";
    return true;
  }

  /**
   * The text is complete.
   *
   * @returns {Promise<Said>} Resolves when it was heard or cancelled.
   */
  async end() {
    if (!this.#said) {
      this.#state = "ended";
      throw new JamflowError("invalid_input", "Nothing was written that could be said.");
    }
    this.#finish();
    return await this.#said;
  }

  /**
   * It will not be said any further.
   *
   * @param {boolean} known Whether the server closed the text by itself.
   */
  abandon(known) {
    if (known) this.#state = "ended";
    else this.#finish();
  }

  #finish() {
    const open = this.#state === "open";
    this.#state = "ended";
    if (open) this.#send({ type: "input_text.done", event_id: `${this.#id}-done` });
  }
}
