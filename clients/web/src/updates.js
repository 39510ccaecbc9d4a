/** Changes that were asked for, and what became of them. */

import { JamflowError } from "./errors.js";

/** @import { ServerEvent } from "./types.js" */

/**
 * @typedef {object} Pending
 * @property {string} eventId
 * @property {(event: ServerEvent) => void} resolve
 * @property {(error: Error) => void} reject
 */

/** The updates of one session. The server answers them in their order. */
export class Updates {
  /** @type {Pending[]} */
  #asked = [];

  /** @returns {string[]} Those that have no answer, as event ids. */
  get unanswered() {
    return this.#asked.map(({ eventId }) => eventId);
  }

  /**
   * @param {string} eventId Of the event that asks.
   * @returns {Promise<ServerEvent>} How things stand; rejects when the server refuses.
   */
  ask(eventId) {
    return new Promise((resolve, reject) => this.#asked.push({ eventId, resolve, reject }));
  }

  /**
   * It could not be sent, or did not arrive.
   *
   * @param {string} eventId
   * @param {Error} error
   */
  refuse(eventId, error) {
    const at = this.#asked.findIndex((pending) => pending.eventId === eventId);
    if (at >= 0) this.#asked.splice(at, 1)[0].reject(error);
  }

  /** @param {ServerEvent} event */
  receive(event) {
    if (event.type === "session.updated") this.#asked.shift()?.resolve(event);
    if (event.type !== "error" || !event.event_id) return;
    this.refuse(event.event_id, new JamflowError(event.code ?? "failed", event.message ?? ""));
  }

  /**
   * The session is gone.
   *
   * @param {Error} error
   */
  lost(error) {
    for (const { reject } of this.#asked.splice(0)) reject(error);
  }
}
