/** The way to the server: which transport, and back after a loss. */

import { Backoff, sleep } from "./backoff.js";
import { JamflowError } from "./errors.js";
import { expired } from "./session.js";
import { WebRtcTransport } from "./webrtc.js";
import { WebSocketTransport } from "./websocket.js";

/** @import { Connection, Options, Place, ServerEvent, Transport } from "./types.js" */
/** @import { Server } from "./server.js" */

/** A server that does not come back within this is given up. */
const GIVE_UP_MS = 60_000;
/** Errors of one transport that another one may not have. */
const OTHER_TRANSPORT = new Set(["no_route", "not_supported", "not_found"]);
/** Errors that trying again does not mend. */
const FINAL = new Set(["not_authorized", "invalid_input", "not_supported", "not_found"]);

/**
 * @typedef {object} Follower What is told of a connection.
 * @property {(event: ServerEvent) => void} event
 * @property {() => void} tracks There are other tracks now.
 * @property {() => void} back The same session goes on after its connection was away.
 * @property {(error: JamflowError) => void} over The session is no more.
 * @property {(state: Connection) => void} state How it stands now.
 */

/** Keeps a transport to the server as long as that is wanted. */
export class Connecting {
  #options;
  #server;
  #follower;
  /** Ends what goes on in the background. */
  #life = new AbortController();
  /** @type {Connection} */
  #state = "new";
  /** The server ended the session on purpose. */
  #ended = false;
  /** WebRTC was tried and found no way. */
  #blocked = false;
  /** @type {Transport | null} */
  transport = null;
  /** Why it failed or ended by itself. @type {Error | null} */
  failure = null;

  /**
   * @param {Options} options Read anew for each connection.
   * @param {Server} server
   * @param {Follower} follower
   */
  constructor(options, server, follower) {
    this.#options = options;
    this.#server = server;
    this.#follower = follower;
  }

  /** @returns {Connection} */
  get state() {
    return this.#state;
  }

  /** @returns {AbortSignal} Aborted when this connection is given up. */
  get signal() {
    return this.#life.signal;
  }

  /** @returns {Promise<void>} */
  async open() {
    if (!["new", "failed", "closed"].includes(this.#state)) {
      throw new JamflowError("wrong_order", "This avatar is connected already.");
    }
    const life = (this.#life = new AbortController());
    this.failure = null;
    this.#set("connecting");
    try {
      await this.#try(life.signal);
      this.#set("connected");
    } catch (error) {
      if (this.#life === life && !life.signal.aborted) {
        this.#shut("failed", /** @type {Error} */ (error));
      }
      throw error;
    }
  }

  close() {
    if (this.#state !== "closed") this.#shut("closed");
  }

  /** @returns {("webrtc" | "websocket")[]} What to try, in this order. */
  get #order() {
    const { transport = "auto", media = "video" } = this.#options;
    if (media !== "video") return ["websocket"];
    if (transport !== "auto") return [transport];
    return WebRtcTransport.supported && !this.#blocked ? ["webrtc", "websocket"] : ["websocket"];
  }

  /** @param {AbortSignal} signal */
  async #try(signal) {
    const grant = await this.#server.grant();
    /** @type {Place} */
    const place = {
      base: this.#server.base,
      token: grant.token,
      iceServers: [...(this.#options.iceServers ?? []), ...(grant.ice_servers ?? [])],
      iceTransportPolicy: this.#options.iceTransportPolicy ?? "all",
      portrait: this.#options.portrait ?? "",
      voice: this.#options.voice ?? "",
      media: this.#options.media ?? "video",
      canvas: this.#options.canvas,
    };
    const order = this.#order;
    for (const [at, name] of order.entries()) {
      if (signal.aborted) throw new JamflowError("connection", "The connection was closed.");
      try {
        await this.#start(name, place);
        this.#blocked ||= at > 0;
        return;
      } catch (error) {
        const code = error instanceof JamflowError ? error.code : "";
        if (at === order.length - 1 || !OTHER_TRANSPORT.has(code)) throw error;
      }
    }
  }

  /**
   * @param {"webrtc" | "websocket"} name
   * @param {Place} place
   */
  async #start(name, place) {
    const Kind = name === "webrtc" ? WebRtcTransport : WebSocketTransport;
    this.#ended = false;
    /** @type {Transport} */
    const transport = new Kind(place, {
      event: (event) => {
        if (this.transport !== transport) return;
        if (event.type === "session.closed") this.#ended = expired(event);
        this.#follower.event(event);
      },
      tracks: () => {
        if (this.transport === transport) this.#follower.tracks();
      },
      away: (away) => {
        this.#set(away ? "reconnecting" : "connected");
        if (!away) this.#follower.back();
      },
      lost: (error) => void this.#lose(error),
    });
    this.transport = transport;
    try {
      await transport.open();
    } catch (error) {
      if (this.transport === transport) this.transport = null;
      throw error;
    }
    this.#follower.tracks();
  }

  /** @param {JamflowError} error */
  async #lose(error) {
    this.#release(error);
    const { signal } = this.#life;
    if (this.#ended || FINAL.has(error.code) || this.#options.reconnect === false) {
      this.#shut(this.#ended || error.code === "session_expired" ? "closed" : "failed", error);
      return;
    }
    this.#set("reconnecting");
    const backoff = new Backoff();
    const until = performance.now() + GIVE_UP_MS;
    while (performance.now() < until) {
      await sleep(backoff.next(), signal);
      if (signal.aborted) return;
      try {
        await this.#try(signal);
        this.#set("connected");
        return;
      } catch (failure) {
        if (signal.aborted) return;
        if (failure instanceof JamflowError && FINAL.has(failure.code)) {
          this.#shut("failed", failure);
          return;
        }
      }
    }
    this.#shut("failed", error);
  }

  /** @param {JamflowError} error */
  #release(error) {
    this.transport?.close();
    this.transport = null;
    this.#follower.over(error);
  }

  /**
   * @param {"failed" | "closed"} state
   * @param {Error | null} [failure]
   */
  #shut(state, failure = null) {
    this.failure = failure;
    this.#life.abort();
    this.#release(new JamflowError("connection", "The connection ended."));
    this.#set(state);
  }

  /** @param {Connection} state */
  #set(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#follower.state(state);
  }
}
