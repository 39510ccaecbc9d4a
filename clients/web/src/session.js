/** What a session was asked for and what the server tells of it; knows no socket. */

import { JamflowError } from "./errors.js";
import { Responses } from "./responses.js";
import { TextStream } from "./text_stream.js";
import { Updates } from "./updates.js";

/** @import { Interruption, Said, ServerEvent } from "./types.js" */

/** After a connection is back: what has no answer by then did not arrive. */
const ANSWER_MS = 3_000;

/** One session after the other; whatever was asked of one has an end at the latest when it ends. */
export class Session {
  #send;
  #responses = new Responses();
  #updates = new Updates();
  /** The text that is being written, or was last. @type {TextStream | null} */
  #text = null;
  #count = 0;
  /** The server's greeting, and what has changed since. @type {ServerEvent | null} */
  greeting = null;

  /** @param {(event: object) => void} send Throws when there is no connection. */
  constructor(send) {
    this.#send = send;
  }

  /**
   * @param {string} text
   * @param {"queue" | "interrupt" | undefined} mode
   * @returns {Promise<Said>}
   */
  say(text, mode) {
    const id = `say-${++this.#count}`;
    const said = this.#responses.ask(id);
    // Whatever is still being written is interrupted as well.
    if (mode === "interrupt" && this.#text?.open) this.#text.abandon(true);
    try {
      this.#send({ type: "response.create", input: text, ...(mode && { mode }), event_id: id });
    } catch (error) {
      this.#responses.refuse(id, /** @type {Error} */ (error));
    }
    return said;
  }

  /** @returns {TextStream} */
  sayStream() {
    if (this.#text?.open) {
      throw new JamflowError("wrong_order", "Another text is still being written: end it first.");
    }
    const id = `text-${++this.#count}`;
    this.#text = new TextStream(id, (asked) => this.#responses.ask(asked), this.#send);
    return this.#text;
  }

  /** @returns {boolean} Whether something is being said or will be. */
  get busy() {
    return this.#responses.busy;
  }

  /** @returns {Promise<Interruption | null>} What was broken off. */
  interrupt() {
    this.#send({ type: "response.cancel" });
    if (this.#text?.open) this.#text.abandon(true);
    return this.#responses.interrupted();
  }

  /**
   * @param {{voice?: string, portrait?: string, speed?: number}} changes
   * @returns {Promise<ServerEvent>}
   */
  update(changes) {
    const id = `update-${++this.#count}`;
    this.#send({ type: "session.update", ...changes, event_id: id });
    return this.#updates.ask(id);
  }

  /** @param {ServerEvent} event */
  receive(event) {
    this.#responses.receive(event);
    switch (event.type) {
      case "session.created":
        this.greeting = event;
        break;
      case "session.updated":
        this.greeting = { ...this.greeting, ...event, type: "session.created" };
        break;
      case "session.closed":
        this.end(ending(event));
        break;
      case "response.done":
        this.#endText();
        break;
      case "error":
        if (this.#text?.open && event.event_id === this.#text.id) this.#text.abandon(false);
        break;
    }
    this.#updates.receive(event);
  }

  /** The connection was away. No event of the server is lost by it; what was sent to it may be. */
  doubt() {
    const responses = this.#responses.unanswered;
    const updates = this.#updates.unanswered;
    setTimeout(() => {
      const lost = new JamflowError("connection", "It was lost with the connection.");
      for (const id of responses) this.#responses.refuse(id, lost);
      for (const id of updates) this.#updates.refuse(id, lost);
    }, ANSWER_MS);
  }

  /**
   * The session is no more, and nothing that was asked of it.
   *
   * @param {Error} error
   */
  end(error) {
    this.#text?.abandon(true);
    this.#text = null;
    this.#responses.lost(error);
    this.#updates.lost(error);
  }

  /** The rest of a text whose response has ended is of no use. */
  #endText() {
    if (this.#text?.begun && !this.#responses.knows(this.#text.id)) this.#text.abandon(false);
  }
}

/**
 * @param {ServerEvent} event "session.closed"
 * @returns {boolean} Whether it ended as the server's rules say; such a one is not begun again.
 */
export function expired({ reason }) {
  return reason === "idle" || reason === "time";
}

/**
 * @param {ServerEvent} event "session.closed"
 * @returns {JamflowError}
 */
function ending(event) {
  if (expired(event)) return new JamflowError("session_expired", "The session has ended.");
  return new JamflowError("connection", "The server has ended the session.");
}
