/**
 * The web component: a face that connects by itself.
 *
 *     <script type="module" src="element.js"></script>
 *     <jamflow-avatar captions></jamflow-avatar>
 *
 * Attributes: `src` (the server's address), `portrait`, `voice`, `token`, `transport`, `media`,
 * `muted` (no sound, and no button for it), `captions` (words under the face). The property
 * `avatar` is its `JamflowAvatar`; `getToken` may be set to what gets a token for each connection.
 * Server events are dispatched as DOM events "jamflow" with the event as `detail`, and
 * "connection" with the connection's state.
 */

import { Captions } from "./captions.js";
import { JamflowAvatar, JamflowError } from "./jamflow.js";
import { style } from "./element_style.js";

/** @import { Options } from "./jamflow.js" */
/** @import { Connection } from "./types.js" */

const CAPTION_LINGERS_MS = 2_500;
/** Attributes that another connection is needed for. */
const CONNECTING = ["src", "token", "transport", "media"];
const CHANGING = ["portrait", "voice"];

const TEMPLATE = `
<video part="video" muted autoplay playsinline aria-label="The avatar's face"></video>
<div class="cover" part="cover"><p id="message" role="status">Connecting …</p>
  <button id="retry" type="button" hidden>Try again</button></div>
<div class="tools" part="tools">
  <button id="stop" type="button" hidden>Stop</button>
  <button id="sound" type="button" hidden>Tap for sound</button></div>
<p class="captions" part="captions" aria-hidden="true"><span></span></p>
<p class="unseen" aria-live="polite"></p>`;

/** `<jamflow-avatar>` */
export class JamflowElement extends HTMLElement {
  static observedAttributes = [...CONNECTING, ...CHANGING, "muted", "captions"];
  #captions = new Captions();
  #avatar = new JamflowAvatar();
  #video;
  #parts;
  #timer = 0;
  /** @type {Options["getToken"]} */
  #getToken;
  /** Attributes change one by one; one connection is made for all of them. */
  #planned = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [style];
    root.innerHTML = TEMPLATE;
    const find = (/** @type {string} */ selector) =>
      /** @type {HTMLElement} */ (root.querySelector(selector));
    this.#video = /** @type {HTMLVideoElement} */ (root.querySelector("video"));
    this.#parts = {
      cover: find(".cover"),
      message: find("#message"),
      retry: find("#retry"),
      stop: find("#stop"),
      sound: find("#sound"),
      captions: find(".captions"),
      words: find(".captions span"),
      sentence: find(".unseen"),
    };
    // The attribute in a template counts for a parser only.
    this.#video.muted = true;
    this.#parts.retry.addEventListener("click", () => void this.connect());
    this.#parts.stop.addEventListener("click", () => {
      this.#avatar.interrupt().catch(() => {});
    });
    this.#parts.sound.addEventListener("click", () => {
      this.#video.muted = !this.#video.muted;
    });
    this.#video.addEventListener("volumechange", () => this.#showSound());
    this.#video.addEventListener("playing", () => {
      this.#parts.cover.hidden = true;
      this.#showSound();
    });
    // A page that was left has freed its place, also when it comes back from the browser's memory.
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.isConnected) this.#plan();
    });
  }

  /** @returns {JamflowAvatar} The session; another one after each connection. */
  get avatar() {
    return this.#avatar;
  }

  /** @returns {Options["getToken"]} */
  get getToken() {
    return this.#getToken;
  }

  set getToken(getToken) {
    this.#getToken = getToken;
    if (this.isConnected) this.#plan();
  }

  connectedCallback() {
    // What was set before the element was defined hides the accessor.
    if (Object.hasOwn(this, "getToken")) {
      const { getToken } = this;
      Reflect.deleteProperty(this, "getToken");
      this.getToken = getToken;
    }
    this.#plan();
  }

  disconnectedCallback() {
    // Being moved within the page disconnects and connects in one go.
    queueMicrotask(() => {
      if (!this.isConnected) this.#avatar.close();
    });
  }

  /**
   * @param {string} name
   * @param {string | null} before
   * @param {string | null} value
   */
  attributeChangedCallback(name, before, value) {
    if (before === value || !this.isConnected) return;
    if (CONNECTING.includes(name)) this.#plan();
    else if (CHANGING.includes(name)) this.#change(name, value);
    else this.#showSound();
  }

  /** Connect, again if need be. Problems are shown; none is thrown. */
  async connect() {
    this.#avatar.close();
    const avatar = (this.#avatar = new JamflowAvatar(this.#options()));
    this.#listen(avatar);
    this.#cover("Connecting …", false);
    avatar.attach(this.#video);
    try {
      await avatar.connect();
    } catch (error) {
      if (this.#avatar !== avatar) return;
      this.#cover(error instanceof Error ? error.message : String(error), true);
    }
  }

  #plan() {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => {
      this.#planned = false;
      if (this.isConnected) void this.connect();
    });
  }

  /** @returns {Options} */
  #options() {
    const given = (/** @type {string} */ name) => this.getAttribute(name) ?? undefined;
    return {
      url: given("src"),
      token: given("token"),
      getToken: this.#getToken,
      portrait: given("portrait"),
      voice: given("voice"),
      transport: /** @type {Options["transport"]} */ (given("transport")),
      media: /** @type {Options["media"]} */ (given("media")),
    };
  }

  /** @param {JamflowAvatar} avatar */
  #listen(avatar) {
    const { stop, words, sentence } = this.#parts;
    /** @param {(event: any) => void} listener */
    const mine = (listener) => (/** @type {any} */ event) => {
      if (this.#avatar === avatar) listener(event);
    };
    avatar.on("connection", mine((connection) => this.#showConnection(connection)));
    avatar.on("avatar.state_changed", mine(({ state }) => (stop.hidden = state !== "speaking")));
    avatar.on(
      "response.output_audio_transcript.delta",
      mine((event) => {
        clearTimeout(this.#timer);
        const complete = this.#captions.add(event);
        words.textContent = this.#captions.text;
        if (complete) sentence.textContent = complete;
      }),
    );
    avatar.on(
      "response.done",
      mine(() => {
        const rest = this.#captions.finish();
        if (rest) sentence.textContent = rest;
        clearTimeout(this.#timer);
        this.#timer = window.setTimeout(() => (words.textContent = ""), CAPTION_LINGERS_MS);
      }),
    );
    avatar.on("event", (event) => this.dispatchEvent(new CustomEvent("jamflow", { detail: event })));
  }

  /** @param {Connection} connection */
  #showConnection(connection) {
    if (connection === "reconnecting") this.#cover("The connection was lost. One moment …", false);
    if (connection === "failed") {
      const { failure } = this.#avatar;
      const refused = failure instanceof JamflowError && failure.code === "not_authorized";
      this.#cover(refused ? failure.message : "The connection was lost.", true);
    }
    if (connection === "closed" && this.isConnected) this.#cover("The session has ended.", true);
    if (connection === "connected" && this.#video.readyState >= 2) this.#parts.cover.hidden = true;
    this.dispatchEvent(new CustomEvent("connection", { detail: connection }));
  }

  /**
   * @param {string} message
   * @param {boolean} stuck Whether only the person can help now.
   */
  #cover(message, stuck) {
    this.#parts.message.textContent = message;
    this.#parts.cover.hidden = false;
    this.#parts.retry.hidden = !stuck;
    this.#parts.stop.hidden = this.#parts.sound.hidden = true;
  }

  #showSound() {
    const { sound, captions, cover } = this.#parts;
    if (this.hasAttribute("muted")) this.#video.muted = true;
    sound.hidden = this.hasAttribute("muted") || !cover.hidden;
    sound.textContent = this.#video.muted ? "Tap for sound" : "Mute";
    captions.hidden = !this.hasAttribute("captions");
  }

  /**
   * @param {string} name
   * @param {string | null} value
   */
  #change(name, value) {
    if (!value || this.#avatar.connection !== "connected") this.#plan();
    // The server says in an event what it does not like.
    else this.#avatar.update({ [name]: value }).catch(() => {});
  }
}

if (!customElements.get("jamflow-avatar")) customElements.define("jamflow-avatar", JamflowElement);
