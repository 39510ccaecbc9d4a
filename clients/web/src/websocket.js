/** A session over one WebSocket: events as JSON, media as binary frames, played by WebCodecs. */

import { Backoff, sleep } from "./backoff.js";
import { JamflowError } from "./errors.js";
import { packSound, parseFrame } from "./media/header.js";
import { VideoPictures } from "./media/pictures.js";
import { Player } from "./media/player.js";
import { Sound } from "./media/sound.js";

/** @import { Listener, Place, Purpose, ServerEvent, Stats, Transport } from "./types.js" */

const PROTOCOL = "jamflow.v1";
const CONNECT_MS = 15_000;
/** So long a server keeps a session whose client was lost. */
const RESUME_MS = 30_000;
/** Rate of the sound that goes to the server. */
const INPUT_RATE = 24_000;
/** A line that takes no more than this a second late takes no microphone either: it would only
 * be heard too late. */
const MOST_WAITING = 64 * 1024;

const CODES = new Map([
  [1008, "not_authorized"],
  [1009, "message_too_long"],
  [1013, "overloaded"],
  [4001, "session_expired"],
  [4002, "session_expired"],
]);

/** @implements {Transport} */
export class WebSocketTransport {
  /** @type {"websocket"} */
  name = "websocket";
  #place;
  #listener;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Player | null} */
  #player = null;
  /** @type {string | null} */
  #resume = null;
  /** Events of this session that came, in all; the server sends the others once more. */
  #received = 0;
  /** Whether a face that is drawn here is to carry the badge. */
  #badge = false;
  #closing = new AbortController();
  /** Microseconds of sound sent. */
  #sent = { hear: 0, drive: 0 };

  /**
   * @param {Place} place
   * @param {Listener} listener
   */
  constructor(place, listener) {
    this.#place = place;
    this.#listener = listener;
  }

  get media() {
    return this.#place.media;
  }

  get tracks() {
    return this.#player?.tracks ?? [];
  }

  /** @returns {Promise<ServerEvent>} */
  async open() {
    if (!Sound.supported || (this.media === "video" && !VideoPictures.supported)) {
      const why = isSecureContext ? "This browser has no WebCodecs." : "Sound needs HTTPS here.";
      throw new JamflowError("not_supported", why);
    }
    const { media, base, canvas } = this.#place;
    const player = await Player.open(media, base, canvas, (motion) => {
      this.#listener.event(/** @type {any} */ ({ type: "motion", ...motion }));
    });
    if (this.#closing.signal.aborted) {
      player.close();
      throw new JamflowError("connection", "The connection was closed.");
    }
    this.#player = player;
    try {
      const greeting = await this.#connect();
      this.#listener.tracks();
      return greeting;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param {object} event */
  send(event) {
    this.#open().send(JSON.stringify(event));
  }

  /**
   * @param {Int16Array} samples
   * @param {Purpose} purpose
   */
  sendAudio(samples, purpose) {
    const socket = this.#open();
    const hear = purpose === "hear";
    if (hear && socket.bufferedAmount > MOST_WAITING) return;
    socket.send(packSound(samples, { hear, time: this.#sent[purpose] }));
    this.#sent[purpose] += (1e6 * samples.length) / INPUT_RATE;
  }

  /** @param {boolean} silent */
  hush(silent) {
    this.#player?.hush(silent);
  }

  wake() {
    this.#player?.wake();
  }

  /** @returns {Promise<Stats>} */
  async stats() {
    if (!this.#player) throw new JamflowError("connection", "There is no connection.");
    return this.#player.stats();
  }

  close() {
    this.#closing.abort();
    this.#socket?.close(1000);
    this.#socket = null;
    this.#player?.close();
    this.#player = null;
  }

  /** @returns {WebSocket} */
  #open() {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      throw new JamflowError("connection", "There is no connection to the server.");
    }
    return this.#socket;
  }

  /** @returns {Promise<ServerEvent>} */
  #connect() {
    const { token } = this.#place;
    const protocols = token ? [PROTOCOL, `bearer.${token}`] : [PROTOCOL];
    const socket = new WebSocket(this.#url(), protocols);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      let standing = false;
      /** @type {JamflowError | null} */
      let refused = null;
      const timer = setTimeout(() => {
        // 1000 is a leave for good; a session that we come back to is to wait for another socket.
        if (this.#resume) socket.close();
        else socket.close(1000);
      }, CONNECT_MS);
      socket.onmessage = ({ data }) => {
        if (this.#socket !== socket) return;
        if (typeof data !== "string") {
          this.#player?.receive(parseFrame(data));
          return;
        }
        const event = /** @type {ServerEvent} */ (JSON.parse(data));
        if (!standing && event.type === "error") {
          // The server says why before it closes.
          refused = new JamflowError(event.code ?? "failed", event.message ?? "");
          return;
        }
        this.#received++;
        if (event.type === "session.created") {
          clearTimeout(timer);
          standing = true;
          this.#resume = event.resume_token ?? null;
          resolve(event);
        }
        this.#follow(event);
        this.#listener.event(event);
      };
      socket.onclose = ({ code, reason }) => {
        clearTimeout(timer);
        if (this.#socket !== socket) return;
        this.#socket = null;
        const message = reason || "The connection to the server was lost.";
        const error = refused ?? new JamflowError(CODES.get(code) ?? "connection", message);
        reject(error);
        // 1000 is an end that was meant; so are those that another attempt would not change.
        if (standing) void this.#recover(error, code !== 1000 && !CODES.has(code));
      };
    });
  }

  /**
   * Come back to the session that was lost, as long as the server keeps it.
   *
   * @param {JamflowError} error
   * @param {boolean} hope
   */
  async #recover(error, hope) {
    const { signal } = this.#closing;
    const backoff = new Backoff();
    const until = performance.now() + RESUME_MS;
    if (hope && this.#resume) this.#listener.away(true);
    while (hope && this.#resume && performance.now() < until) {
      await sleep(backoff.next(), signal);
      if (signal.aborted) return;
      try {
        await this.#connect();
        this.#player?.restart();
        this.#listener.away(false);
        return;
      } catch (failure) {
        if (!(failure instanceof JamflowError) || failure.code !== "connection") break;
      }
    }
    if (signal.aborted) return;
    this.close();
    this.#listener.lost(error);
  }

  /** @param {ServerEvent} event */
  #follow(event) {
    // There is nothing to come back to.
    if (event.type === "session.closed") this.#resume = null;
    if (event.type === "session.created") this.#badge = event.badge ?? false;
    if (event.type !== "session.created" && event.type !== "session.updated") return;
    const name = event.portrait;
    if (!name) return;
    this.#player?.change(name, this.#badge).catch((error) => {
      const message = error instanceof Error ? error.message : String(error);
      if (this.#closing.signal.aborted || error?.name === "AbortError") return;
      this.#listener.event({ type: "error", code: "not_supported", message });
    });
  }

  /** @returns {URL} */
  #url() {
    const url = new URL("v1/realtime", this.#place.base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const { media, portrait, voice } = this.#place;
    url.searchParams.set("media", media);
    if (this.#resume) {
      url.searchParams.set("resume", this.#resume);
      url.searchParams.set("received", String(this.#received));
    }
    if (portrait && !this.#resume) url.searchParams.set("portrait", portrait);
    if (voice && !this.#resume) url.searchParams.set("voice", voice);
    return url;
  }
}
