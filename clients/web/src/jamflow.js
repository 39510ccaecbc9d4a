/**
 * The browser's side of a jamflow_rt session: a face and its voice, over WebRTC or a WebSocket, and
 * events to steer it. No dependencies, no build step.
 *
 *     const avatar = new JamflowAvatar();
 *     avatar.attach(document.querySelector("video"));
 *     await avatar.connect();
 *     await avatar.say("Good morning.");
 */

import { Connecting } from "./connecting.js";
import { Emitter } from "./emitter.js";
import { JamflowError } from "./errors.js";
import { Microphone } from "./microphone.js";
import { Server } from "./server.js";
import { Session } from "./session.js";
import { INPUT_RATE, SoundInput } from "./sound_input.js";

export { JamflowError, Microphone };

/** @import { TextStream } from "./text_stream.js" */
/** @import { Connection, Interruption, Media, Purpose } from "./types.js" */
/** @import { Said, ServerEvent, Stats, Transport } from "./types.js" */

/** @typedef {import("./types.js").Options} Options */

/** The longest message the server reads, in bytes. */
const MAX_MESSAGE = 64 * 1024;
/** What is on its way after an interruption is heard no longer than this. */
const HUSH_MS = 150;
const LONGEST_HUSH_MS = 1_000;

/** One session with an avatar. */
export class JamflowAvatar {
  #options;
  #emitter = new Emitter();
  #stream = new MediaStream();
  #server;
  #connecting;
  #session = new Session((event) => this.#send(event));
  #input = new SoundInput(
    (samples, purpose) => this.#transport.sendAudio(samples, purpose),
    () => this.connection === "connected",
  );
  /** @type {HTMLMediaElement | null} */
  #element = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hushed;

  /** @param {Options} [options] */
  constructor(options = {}) {
    this.#options = { ...options };
    this.#server = new Server(this.#options);
    this.#connecting = new Connecting(this.#options, this.#server, {
      event: (event) => this.#receive(event),
      tracks: () => {
        this.#show();
        this.#wake();
      },
      back: () => this.#session.doubt(),
      over: (error) => this.#end(error),
      state: (state) => this.#follow(state),
    });
  }

  /** @returns {Connection} How the connection stands. */
  get connection() {
    return this.#connecting.state;
  }

  /**
   * @returns {Error | null} Why the connection failed or ended by itself: a JamflowError, or what
   *   `getToken` rejected with.
   */
  get failure() {
    return this.#connecting.failure;
  }

  /** @returns {MediaStream} Sound and pictures in one stream. */
  get stream() {
    return this.#stream;
  }

  /** @returns {"webrtc" | "websocket" | null} What carries the session. */
  get transport() {
    return this.#connecting.transport?.name ?? null;
  }

  /** @returns {Media | null} What comes. */
  get media() {
    return this.#connecting.transport?.media ?? null;
  }

  /** @returns {ServerEvent | null} The server's greeting: voices, portraits, scopes, limits. */
  get session() {
    return this.#session.greeting;
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
    await this.#connecting.open();
  }

  /**
   * Say a text, after what is still being said, or instead of it.
   *
   * @param {string} text
   * @param {{mode?: "queue" | "interrupt"}} [options]
   * @returns {Promise<Said>} Resolves when it was heard or cancelled; rejects when refused.
   */
  say(text, { mode } = {}) {
    return this.#session.say(text, mode);
  }

  /**
   * Say a text while it is still being written, as a language model does.
   *
   * @returns {TextStream} `write(piece)`, then `await end()`.
   */
  sayStream() {
    return this.#session.sayStream();
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
    if (source instanceof Int16Array || source instanceof Float32Array) {
      this.#input.push(source, purpose, rate);
      return null;
    }
    if (source !== "microphone" && !(source instanceof MediaStream)) {
      throw new JamflowError("invalid_input", "Sound is a microphone, a MediaStream or samples.");
    }
    const stream = source === "microphone" ? null : source;
    return await this.#input.open(stream, purpose, this.#connecting.signal);
  }

  /** What was pushed to drive the face is complete: its end is said as well. */
  commitAudio() {
    this.#input.flush();
    this.#send({ type: "input_audio_buffer.commit" });
  }

  /** Forget what was pushed to drive the face and is not being said yet. */
  clearAudio() {
    this.#input.forget();
    this.#send({ type: "input_audio_buffer.clear" });
  }

  /**
   * Stop speaking at once.
   *
   * @returns {Promise<Interruption | null>} What was broken off; null when nothing was being said.
   */
  async interrupt() {
    const { busy } = this.#session;
    const broken = this.#session.interrupt();
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
  async update(changes) {
    const stands = this.#session.update(changes);
    // A session that is begun again looks and sounds the same.
    if (changes.voice) this.#options.voice = changes.voice;
    if (changes.portrait) this.#options.portrait = changes.portrait;
    return await stands;
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
    return await this.#server.portraits();
  }

  /**
   * Make a photograph a portrait of this session; `update({portrait})` shows it.
   *
   * @param {Blob} image JPEG, PNG or WebP with one face.
   * @returns {Promise<string>} Its name. It is deleted with the session.
   */
  async upload(image) {
    return await this.#server.upload(image);
  }

  /** @returns {Promise<Stats>} What arrives, and how. */
  async stats() {
    if (!this.#connecting.transport) {
      throw new JamflowError("connection", "There is no connection.");
    }
    return await this.#connecting.transport.stats();
  }

  /** End the session and free its place on the server; a page that is left does so by itself. */
  close() {
    this.#connecting.close();
  }

  #wake = () => {
    if (this.#element && !this.#element.muted) this.#connecting.transport?.wake();
  };

  /** @returns {Transport} */
  get #transport() {
    const { transport } = this.#connecting;
    if (transport) return transport;
    throw new JamflowError("connection", "There is no connection to the server.");
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    this.#session.receive(event);
    // Something new is to be heard.
    if (event.type === "output_audio_buffer.started") this.#hush(0);
    this.#emitter.emit(event.type, event);
    // The motion of each picture is no event of the protocol.
    if (event.type !== "motion") this.#emitter.emit("event", event);
  }

  /** @param {object} event */
  #send(event) {
    const transport = this.#transport;
    if (new TextEncoder().encode(JSON.stringify(event)).length > MAX_MESSAGE) {
      throw new JamflowError("message_too_long", "The text is too long to be sent in one piece.");
    }
    transport.send(event);
  }

  /**
   * Let nothing be heard for a time.
   *
   * @param {number} milliseconds
   */
  #hush(milliseconds) {
    clearTimeout(this.#hushed);
    const { transport } = this.#connecting;
    transport?.hush(milliseconds > 0);
    if (milliseconds) this.#hushed = setTimeout(() => transport?.hush(false), milliseconds);
  }

  #show() {
    const tracks = this.#connecting.transport?.tracks ?? [];
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
   * @param {JamflowError} error
   */
  #end(error) {
    clearTimeout(this.#hushed);
    this.#input.forget();
    this.#session.end(error);
  }

  /** @param {Connection} state */
  #follow(state) {
    if (state === "connecting") {
      const { signal } = this.#connecting;
      addEventListener("pointerdown", this.#wake, { signal });
      addEventListener("keydown", this.#wake, { signal });
      // Else the server keeps the place for somebody who might come back.
      addEventListener("pagehide", () => this.close(), { signal });
    }
    if (state === "failed" || state === "closed") {
      this.#input.stop();
      for (const track of this.#stream.getTracks()) this.#stream.removeTrack(track);
    }
    this.#emitter.emit("connection", state);
  }
}
