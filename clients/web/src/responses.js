/** What was asked to be said, and what became of it; the order of events without any socket. */

import { JamflowError } from "./errors.js";

/** @import { Interruption, Said, ServerEvent } from "./types.js" */

/**
 * @typedef {object} Pending
 * @property {string} eventId
 * @property {(said: Said) => void} resolve
 * @property {(error: Error) => void} reject
 */

/** The responses of one avatar. Each has exactly one end. */
export class Responses {
  /** Asked for and not yet accepted, by event id. @type {Map<string, Pending>} */
  #asked = new Map();
  /** Accepted and not yet done, by response id, in the order of speaking.
   * @type {Map<string, Pending | null>} */
  #accepted = new Map();
  /** @type {((interruption: Interruption | null) => void)[]} */
  #interrupts = [];

  /** @returns {boolean} Whether something is being said or will be. */
  get busy() {
    return this.#asked.size + this.#accepted.size > 0;
  }

  /**
   * @param {string} eventId
   * @returns {boolean} Whether what was asked for under this id has no end yet.
   */
  knows(eventId) {
    const accepted = [...this.#accepted.values()];
    return this.#asked.has(eventId) || accepted.some((pending) => pending?.eventId === eventId);
  }

  /**
   * @param {string} eventId Of the event that asks.
   * @returns {Promise<Said>} Rejects when the server refuses, or when the session is lost.
   */
  ask(eventId) {
    return new Promise((resolve, reject) => {
      this.#asked.set(eventId, { eventId, resolve, reject });
    });
  }

  /**
   * The event that asked could not be sent.
   *
   * @param {string} eventId
   * @param {Error} error
   */
  refuse(eventId, error) {
    this.#asked.get(eventId)?.reject(error);
    this.#asked.delete(eventId);
    this.#settle(null);
  }

  /** @returns {Promise<Interruption | null>} What a cancellation sent now breaks off. */
  interrupted() {
    return new Promise((resolve) => {
      if (this.busy) this.#interrupts.push(resolve);
      else resolve(null);
    });
  }

  /** @param {ServerEvent} event */
  receive(event) {
    if (event.type === "response.created") this.#create(event);
    else if (event.type === "response.done") this.#done(event);
    else if (event.type === "error" && event.event_id) this.#error(event.event_id, event);
  }

  /** @returns {string[]} What was asked for and not answered yet, as event ids. */
  get unanswered() {
    return [...this.#asked.keys()];
  }

  /**
   * The session is gone, and all that was to be said with it.
   *
   * @param {Error} error
   */
  lost(error) {
    const pending = [...this.#asked.values(), ...this.#accepted.values()];
    this.#asked.clear();
    this.#accepted.clear();
    for (const each of pending) each?.reject(error);
    this.#settle(null);
  }

  /** @param {ServerEvent} event */
  #create(event) {
    const eventId = event.event_id ?? "";
    this.#accepted.set(event.response_id ?? "", this.#asked.get(eventId) ?? null);
    this.#asked.delete(eventId);
  }

  /** @param {ServerEvent} event */
  #done(event) {
    const id = event.response_id ?? "";
    const said = {
      id,
      status: event.status ?? "failed",
      spokenText: event.spoken_text ?? "",
      unspokenText: event.unspoken_text ?? "",
      audioEndMs: event.audio_end_ms ?? null,
    };
    const pending = this.#accepted.get(id);
    this.#accepted.delete(id);
    pending?.resolve(said);
    const { id: responseId, ...rest } = said;
    // One that had just been heard to its end is not what an interruption broke off.
    if (said.status === "cancelled") this.#settle({ responseId, ...rest });
    else if (!this.busy) this.#settle(null);
  }

  /**
   * @param {string} eventId
   * @param {ServerEvent} event
   */
  #error(eventId, event) {
    const error = new JamflowError(event.code ?? "failed", event.message ?? "");
    for (const [id, pending] of this.#accepted) {
      if (pending?.eventId !== eventId) continue;
      // A later piece of its text was refused; what was taken is still said.
      pending.reject(error);
      this.#accepted.set(id, null);
      return;
    }
    this.refuse(eventId, error);
  }

  /** @param {Interruption | null} interruption */
  #settle(interruption) {
    if (interruption === null && this.busy) return;
    for (const resolve of this.#interrupts.splice(0)) resolve(interruption);
  }
}
