/**
 * The browser's side of a jamflow_rt session: a face and its voice, over WebRTC or a WebSocket, and
 * events to steer it. No dependencies, no build step.
 *
 *     const avatar = new JamflowAvatar();
 *     avatar.attach(document.querySelector("video"));
 *     await avatar.connect();
 *     await avatar.say("Good morning.");
 */

import { Backoff, sleep } from "./backoff.js";
import { Emitter } from "./emitter.js";
import { JamflowError, refusal } from "./errors.js";
import { toFloat, toInt16 } from "./media/pcm.js";
import { Resampler } from "./media/resampler.js";
import { Microphone } from "./microphone.js";
import { Responses } from "./responses.js";
import { TextStream } from "./text_stream.js";
import { WebRtcTransport } from "./webrtc.js";
import { WebSocketTransport } from "./websocket.js";

export { JamflowError, Microphone };

/** @import { Connection, Grant, Interruption, Media, Place, Purpose } from "./types.js" */
/** @import { Said, ServerEvent, Stats, Transport } from "./types.js" */

/**
 * @typedef {object} Options
 * @property {string} [url] The server's address. Default: the site of the page.
 * @property {string} [token] A short-lived token, for servers that want one.
 * @property {() => Promise<string | null | Grant>} [getToken] Asked before each connection; the
 *   answer of the server's `POST /v1/sessions` will do, and brings ICE servers with it.
 * @property {RTCIceServer[]} [iceServers] STUN and TURN servers beside those the server tells of.
 * @property {string} [portrait] Name of the portrait; default: the server's.
 * @property {string} [voice] Name of the voice; default: the server's.
 * @property {"auto" | "webrtc" | "websocket"} [transport] Default: "auto", which is WebRTC where
 *   the network lets it through.
 * @property {Media} [media] What comes: pictures (default), motion that is drawn here, or sound
 *   only. The latter two come over a WebSocket.
 * @property {HTMLCanvasElement | null} [canvas] Where `media: "motion"` draws; null: nothing is drawn
 *   here. By default the pictures are part of the stream, which costs a copy of each.
 * @property {boolean} [reconnect] Come back after a loss. Default: true.
 */

/** Rate of the sound that goes to the server. */
const INPUT_RATE = 24_000;
/** Samples of one message of sound. */
const INPUT_PIECE = 4_800;
/** The longest message the server reads, in bytes. */
const MAX_MESSAGE = 64 * 1024;
/** A server that does not come back within this is given up. */
const GIVE_UP_MS = 60_000;
/** What is on its way after an interruption is heard no longer than this. */
const HUSH_MS = 150;
const LONGEST_HUSH_MS = 1_000;
/** After a connection is back: what has no answer by then did not arrive. */
const ANSWER_MS = 3_000;
/** Errors of one transport that another one may not have. */
const OTHER_TRANSPORT = new Set(["no_route", "not_supported", "not_found"]);
/** Errors that trying again does not mend. */
const FINAL = new Set(["not_authorized", "invalid_input", "not_supported", "not_found"]);

/** One session with an avatar. */
export class JamflowAvatar {
  #options;
  #emitter = new Emitter();
  #responses = new Responses();
  #stream = new MediaStream();
  /** @type {HTMLMediaElement | null} */
  #element = null;
  /** @type {Connection} */
  #connection = "new";
  /** @type {Transport | null} */
  #transport = null;
  /** Ends what goes on in the background. */
  #life = new AbortController();
  /** The server ended the session on purpose. @type {JamflowError | null} */
  #ended = null;
  /** WebRTC was tried and found no way. */
  #blocked = false;
  /** @type {ServerEvent | null} */
  #session = null;
  /** @type {{resolve: (event: ServerEvent) => void, reject: (error: Error) => void, id: string}[]} */
  #updates = [];
  /** @type {TextStream | null} */
  #text = null;
  /** Sound that is pushed in pieces, by purpose and rate. @type {Map<string, Resampler>} */
  #resamplers = new Map();
  /** @type {Set<Microphone>} */
  #microphones = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hushed;
  #count = 0;

  /** @param {Options} [options] */
  constructor(options = {}) {
    this.#options = { ...options };
  }

  /** @returns {Connection} How the connection stands. */
  get connection() {
    return this.#connection;
  }

  /** @returns {MediaStream} Sound and pictures in one stream. */
  get stream() {
    return this.#stream;
  }

  /** @returns {"webrtc" | "websocket" | null} What carries the session. */
  get transport() {
    return this.#transport?.name ?? null;
  }

  /** @returns {Media | null} What comes. */
  get media() {
    return this.#transport?.media ?? null;
  }

  /** @returns {ServerEvent | null} The server's greeting: voices, portraits, scopes, limits. */
  get session() {
    return this.#session;
  }

  /**
   * Listen. Names: every server event by its `type` ("avatar.state_changed", "response.done",
   * "response.output_audio_transcript.delta", "error", …) or all of them as "event"; "connection"
   * (a `Connection`); and, with `media: "motion"`, "motion" ({latents, arkit, drawn} of each
   * picture when its time has come).
   *
   * @param {string} name
   * @param {(detail: any) => void} listener
   * @returns {() => void} Stops listening.
   */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  /**
   * Show the avatar in a video element. It plays muted until there was a gesture: set
   * `video.muted = false` in one.
   *
   * @param {HTMLMediaElement} element
   */
  attach(element) {
    this.#element?.removeEventListener("volumechange", this.#wake);
    this.#element = element;
    element.autoplay = true;
    if (element instanceof HTMLVideoElement) element.playsInline = true;
    element.addEventListener("volumechange", this.#wake);
    this.#show();
  }

  /**
   * Connect; resolves when the session stands. Rejects with a JamflowError, whose code is
   * "overloaded" when the server is full.
   *
   * @returns {Promise<void>}
   */
  async connect() {
    if (!["new", "failed", "closed"].includes(this.#connection)) {
      throw new JamflowError("wrong_order", "This avatar is connected already.");
    }
    const life = (this.#life = new AbortController());
    this.#ended = null;
    this.#setConnection("connecting");
    addEventListener("pointerdown", this.#wake, { signal: life.signal });
    addEventListener("keydown", this.#wake, { signal: life.signal });
    try {
      await this.#open(life.signal);
      this.#setConnection("connected");
    } catch (error) {
      if (this.#life === life && !life.signal.aborted) this.#shut("failed");
      throw error;
    }
  }

  /**
   * Say a text, after what is still being said, or instead of it.
   *
   * @param {string} text
   * @param {{mode?: "queue" | "interrupt"}} [options]
   * @returns {Promise<Said>} Resolves when it was heard or cancelled; rejects when refused.
   */
  say(text, { mode } = {}) {
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

  /**
   * Say a text while it is still being written, as a language model does.
   *
   * @returns {TextStream} `write(piece)`, then `await end()`.
   */
  sayStream() {
    if (this.#text?.open) {
      throw new JamflowError("wrong_order", "Another text is still being written: end it first.");
    }
    const id = `text-${++this.#count}`;
    const send = (/** @type {object} */ event) => this.#send(event);
    this.#text = new TextStream(id, (asked) => this.#responses.ask(asked), send);
    return this.#text;
  }

  /**
   * Give sound to the server: what the avatar shall say with its face ("drive", the default), or
   * what the user says ("hear"), who may then break in.
   *
   * @param {"microphone" | MediaStream | Int16Array | Float32Array} source A live source goes on
   *   until its `stop`; samples may be pushed in pieces.
   * @param {{purpose?: Purpose, rate?: number}} [options] The rate of samples; default: 24,000.
   * @returns {Promise<Microphone | null>} The live source, or null for samples.
   */
  async pushAudio(source, { purpose = "drive", rate = INPUT_RATE } = {}) {
    if (source instanceof Int16Array) source = toFloat(source);
    if (source instanceof Float32Array) {
      const key = `${purpose} ${rate}`;
      const resampler = this.#resamplers.get(key) ?? new Resampler(rate, INPUT_RATE);
      this.#resamplers.set(key, resampler);
      this.#sendAudio(resampler.push(source), purpose);
      return null;
    }
    if (source !== "microphone" && !(source instanceof MediaStream)) {
      throw new JamflowError("invalid_input", "Sound is a microphone, a MediaStream or samples.");
    }
    const stream = source === "microphone" ? null : source;
    const { signal } = this.#life;
    const microphone = await Microphone.open(stream, INPUT_RATE, (samples) => {
      // What is said while the connection is away is lost, as on a telephone.
      if (this.#connection === "connected") this.#sendAudio(samples, purpose);
    });
    if (signal.aborted) {
      microphone.stop();
      throw new JamflowError("connection", "The connection was closed.");
    }
    this.#microphones.add(microphone);
    return microphone;
  }

  /** What was pushed to drive the face is complete: its end is said as well. */
  commitAudio() {
    for (const [key, resampler] of this.#resamplers) {
      if (key.startsWith("drive")) this.#sendAudio(resampler.flush(), "drive");
    }
    this.#resamplers.clear();
    this.#send({ type: "input_audio_buffer.commit" });
  }

  /** Forget what was pushed to drive the face and is not being said yet. */
  clearAudio() {
    this.#resamplers.clear();
    this.#send({ type: "input_audio_buffer.clear" });
  }

  /**
   * Stop speaking at once.
   *
   * @returns {Promise<Interruption | null>} What was broken off; null when nothing was being said.
   */
  async interrupt() {
    const busy = this.#responses.busy;
    this.#send({ type: "response.cancel" });
    if (this.#text?.open) this.#text.abandon(true);
    const broken = this.#responses.interrupted();
    if (busy) this.#hush(LONGEST_HUSH_MS);
    const result = await broken;
    if (busy) this.#hush(HUSH_MS);
    return result;
  }

  /** Look as if listening. */
  listen() {
    this.#send({ type: "avatar.state", state: "listening" });
  }

  /** Look as if nothing were expected. */
  idle() {
    this.#send({ type: "avatar.state", state: "idle" });
  }

  /** Stop speaking and keep what was not said. */
  pause() {
    this.#send({ type: "avatar.pause" });
  }

  /** Go on from the word that was broken off. */
  resume() {
    this.#send({ type: "avatar.resume" });
  }

  /**
   * Change the voice, the face, or the speed of speech.
   *
   * @param {{voice?: string, portrait?: string, speed?: number}} changes
   * @returns {Promise<ServerEvent>} How they stand now; rejects when refused.
   */
  update(changes) {
    const id = `update-${++this.#count}`;
    return new Promise((resolve, reject) => {
      this.#send({ type: "session.update", ...changes, event_id: id });
      this.#updates.push({ resolve, reject, id });
      // A session that is begun again looks and sounds the same.
      if (changes.voice) this.#options.voice = changes.voice;
      if (changes.portrait) this.#options.portrait = changes.portrait;
    });
  }

  /**
   * Tell how much of a response was heard, when less was heard than was sent.
   *
   * @param {string} responseId
   * @param {number} audioEndMs From its first sound.
   */
  truncate(responseId, audioEndMs) {
    this.#send({
      type: "conversation.item.truncate",
      item_id: responseId,
      content_index: 0,
      audio_end_ms: Math.round(audioEndMs),
    });
  }

  /**
   * Send any event of the protocol; it has no promise of its own.
   *
   * @param {{type: string} & Record<string, unknown>} event
   */
  send(event) {
    this.#send(event);
  }

  /** @returns {Promise<{portraits: string[], voices: string[]}>} What the server has. */
  async portraits() {
    return await this.#request("v1/portraits", {});
  }

  /**
   * Make a photograph a portrait of this session; `update({portrait})` shows it.
   *
   * @param {Blob} image JPEG, PNG or WebP with one face.
   * @returns {Promise<string>} Its name. It is deleted with the session.
   */
  async upload(image) {
    const headers = { "Content-Type": image.type || "application/octet-stream" };
    const { portrait } = await this.#request("v1/portraits", {
      method: "POST",
      headers,
      body: image,
    });
    return portrait;
  }

  /** @returns {Promise<Stats>} What arrives, and how. */
  async stats() {
    if (!this.#transport) throw new JamflowError("connection", "There is no connection.");
    return await this.#transport.stats();
  }

  /** End the session and free its place on the server. */
  close() {
    if (this.#connection !== "closed") this.#shut("closed");
  }

  #wake = () => {
    if (this.#element && !this.#element.muted) this.#transport?.wake();
  };

  /** @returns {URL} The server's address; ends in a slash. */
  get #base() {
    // An address that ends in /whep was what earlier versions asked for.
    const given = (this.#options.url ?? "/").replace(/\/whep\/?$/, "/");
    return new URL(given.endsWith("/") ? given : `${given}/`, document.baseURI);
  }

  /** @returns {Promise<Grant>} */
  async #grant() {
    const { token = null, getToken } = this.#options;
    const given = getToken ? await getToken() : token;
    return given !== null && typeof given === "object" ? given : { token: given };
  }

  /** @returns {("webrtc" | "websocket")[]} What to try, in this order. */
  get #order() {
    const { transport = "auto", media = "video" } = this.#options;
    if (media !== "video") return ["websocket"];
    if (transport !== "auto") return [transport];
    return WebRtcTransport.supported && !this.#blocked ? ["webrtc", "websocket"] : ["websocket"];
  }

  /** @param {AbortSignal} signal */
  async #open(signal) {
    const grant = await this.#grant();
    /** @type {Place} */
    const place = {
      base: this.#base,
      token: grant.token,
      iceServers: [...(this.#options.iceServers ?? []), ...(grant.ice_servers ?? [])],
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
    /** @type {Transport} */
    const transport = new Kind(place, {
      event: (event) => {
        if (this.#transport === transport) this.#receive(event);
      },
      tracks: () => {
        if (this.#transport === transport) this.#show();
      },
      away: (away) => this.#follow(away),
      lost: (error) => void this.#lose(error),
    });
    this.#transport = transport;
    try {
      await transport.open();
    } catch (error) {
      if (this.#transport === transport) this.#transport = null;
      throw error;
    }
    this.#show();
    this.#wake();
  }

  /**
   * A session whose connection is away, or back. No event of the server is lost by it; what was
   * sent to it may be.
   *
   * @param {boolean} away
   */
  #follow(away) {
    this.#setConnection(away ? "reconnecting" : "connected");
    if (away) return;
    const doubtful = this.#responses.unanswered;
    setTimeout(() => {
      const lost = new JamflowError("connection", "It was lost with the connection.");
      for (const id of doubtful) this.#responses.refuse(id, lost);
    }, ANSWER_MS);
  }

  /** @param {JamflowError} error */
  async #lose(error) {
    this.#release(error);
    const { signal } = this.#life;
    if (this.#ended || FINAL.has(error.code) || this.#options.reconnect === false) {
      const ended = this.#ended !== null || error.code === "session_expired";
      this.#shut(ended ? "closed" : "failed");
      return;
    }
    this.#setConnection("reconnecting");
    const backoff = new Backoff();
    const until = performance.now() + GIVE_UP_MS;
    while (performance.now() < until) {
      await sleep(backoff.next(), signal);
      if (signal.aborted) return;
      try {
        await this.#open(signal);
        this.#setConnection("connected");
        return;
      } catch (failure) {
        if (signal.aborted) return;
        if (failure instanceof JamflowError && FINAL.has(failure.code)) break;
      }
    }
    this.#shut("failed");
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    this.#responses.receive(event);
    switch (event.type) {
      case "session.created":
        this.#session = event;
        break;
      case "session.updated":
        this.#session = { ...this.#session, ...event, type: "session.created" };
        this.#updates.shift()?.resolve(event);
        break;
      case "session.closed":
        if (event.reason === "idle" || event.reason === "time") {
          this.#ended = new JamflowError("session_expired", "The session has ended.");
        }
        break;
      case "output_audio_buffer.started":
        // Something new is to be heard.
        this.#hush(0);
        break;
      case "response.done":
        this.#endText();
        break;
      case "error":
        this.#refuse(event);
        break;
    }
    this.#emitter.emit(event.type, event);
    // The motion of each picture is no event of the protocol.
    if (event.type !== "motion") this.#emitter.emit("event", event);
  }

  /** @param {ServerEvent} event */
  #refuse(event) {
    const at = this.#updates.findIndex(({ id }) => id === event.event_id);
    if (at >= 0) {
      const [{ reject }] = this.#updates.splice(at, 1);
      reject(new JamflowError(event.code ?? "failed", event.message ?? ""));
    }
    if (this.#text?.open && event.event_id === this.#text.id) this.#text.abandon(false);
  }

  /** The rest of a text whose response has ended is of no use. */
  #endText() {
    if (this.#text?.begun && !this.#responses.knows(this.#text.id)) this.#text.abandon(false);
  }

  /**
   * @param {Float32Array} samples At INPUT_RATE.
   * @param {Purpose} purpose
   */
  #sendAudio(samples, purpose) {
    if (!this.#transport) {
      throw new JamflowError("connection", "There is no connection to the server.");
    }
    const sound = toInt16(samples);
    for (let at = 0; at < sound.length; at += INPUT_PIECE) {
      this.#transport.sendAudio(sound.subarray(at, at + INPUT_PIECE), purpose);
    }
  }

  /** @param {object} event */
  #send(event) {
    if (!this.#transport) {
      throw new JamflowError("connection", "There is no connection to the server.");
    }
    if (new TextEncoder().encode(JSON.stringify(event)).length > MAX_MESSAGE) {
      throw new JamflowError("message_too_long", "The text is too long to be sent in one piece.");
    }
    this.#transport.send(event);
  }

  /**
   * @param {string} path
   * @param {RequestInit} request
   * @returns {Promise<any>} The answer's JSON.
   */
  async #request(path, request) {
    const { token } = await this.#grant();
    const headers = new Headers(request.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    let response;
    try {
      response = await fetch(new URL(path, this.#base), { ...request, headers });
    } catch {
      throw new JamflowError("connection", "The server does not answer.");
    }
    if (!response.ok) throw await refusal(response);
    return await response.json();
  }

  /**
   * Let nothing be heard for a time.
   *
   * @param {number} milliseconds
   */
  #hush(milliseconds) {
    clearTimeout(this.#hushed);
    const transport = this.#transport;
    transport?.hush(milliseconds > 0);
    if (milliseconds) this.#hushed = setTimeout(() => transport?.hush(false), milliseconds);
  }

  /** @param {Connection} state */
  #setConnection(state) {
    if (state === this.#connection) return;
    this.#connection = state;
    this.#emitter.emit("connection", state);
  }

  #show() {
    const tracks = this.#transport?.tracks ?? [];
    for (const track of this.#stream.getTracks()) {
      if (!tracks.includes(track)) this.#stream.removeTrack(track);
    }
    for (const track of tracks) this.#stream.addTrack(track);
    // Not before there is something to show: a video that waits for pictures holds back the end
    // of the page's loading.
    if (!this.#element || !tracks.length) return;
    if (this.#element.srcObject !== this.#stream) this.#element.srcObject = this.#stream;
    // Muted playing is always allowed; a refusal only means that a gesture is still missing.
    this.#element.play().catch(() => {});
  }

  /**
   * The connection is no more, and nothing that hung on it.
   *
   * @param {Error} error
   */
  #release(error) {
    clearTimeout(this.#hushed);
    this.#transport?.close();
    this.#transport = null;
    this.#text?.abandon(true);
    this.#text = null;
    this.#resamplers.clear();
    this.#responses.lost(error);
    for (const { reject } of this.#updates.splice(0)) reject(error);
  }

  /** @param {"failed" | "closed"} state */
  #shut(state) {
    this.#life.abort();
    this.#release(new JamflowError("connection", "The connection ended."));
    for (const microphone of this.#microphones) microphone.stop();
    this.#microphones.clear();
    for (const track of this.#stream.getTracks()) this.#stream.removeTrack(track);
    this.#setConnection(state);
  }
}
