// @ts-check
/**
 * The browser's side of a jamflow_rt session: a face and its voice over WebRTC, and a channel of
 * events to steer it. No dependencies, no build step.
 *
 *     const avatar = new JamflowAvatar();
 *     avatar.attach(document.querySelector("video"));
 *     await avatar.connect();
 *     await avatar.say("Good morning.");
 */

/**
 * @typedef {object} Options
 * @property {string} [url] Where offers are posted (WHEP). Default: "/whep" of this site.
 * @property {string} [portrait] Name of the portrait; default: the server's.
 * @property {string} [voice] Name of the voice; default: the server's.
 */

/** @typedef {"new" | "connecting" | "connected" | "failed" | "closed"} Connection */

/**
 * @typedef {object} ServerEvent One event as the server sends it; `type` says which.
 * @property {string} type
 * @property {string} [response_id]
 * @property {string} [event_id]
 * @property {string} [delta]
 * @property {number} [start_ms]
 * @property {number} [end_ms]
 * @property {"idle" | "listening" | "thinking" | "speaking"} [state]
 * @property {"completed" | "cancelled" | "failed"} [status]
 * @property {string} [spoken_text]
 * @property {string} [code]
 * @property {string} [message]
 * @property {string} [param]
 * @property {number} [max_text]
 * @property {string} [session_id]
 */

/**
 * @typedef {object} Said What became of a `say`.
 * @property {string} id
 * @property {"completed" | "cancelled" | "failed"} status
 * @property {string} spokenText The words that were heard to their end.
 */

/**
 * @typedef {object} Stats
 * @property {number} bytesReceived Sound and pictures, since the beginning.
 * @property {number} framesDecoded
 * @property {number} framesPerSecond
 * @property {number} audioEnergy Grows while there is sound.
 * @property {number} audioLevel 0…1, now.
 * @property {number | null} roundTripMs
 * @property {number | null} syncMs Sound minus picture; perceptible above +45 or below −100.
 */

/**
 * @typedef {object} Pending
 * @property {(said: Said) => void} resolve
 * @property {(error: Error) => void} reject
 */

const CONNECT_MS = 15_000;
const GATHER_MS = 1_000;
/** The longest message the server reads, in bytes. */
const MAX_MESSAGE = 64 * 1024;

/** An error with a code to act on: "overloaded", "invalid_input", "connection", … */
export class JamflowError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {number | null} [retryAfter] Seconds after which trying again makes sense.
   */
  constructor(code, message, retryAfter = null) {
    super(message);
    this.name = "JamflowError";
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** One session with an avatar. */
export class JamflowAvatar {
  /** @type {Required<Options>} */
  #options;
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  #stream = new MediaStream();
  /** @type {HTMLVideoElement | null} */
  #video = null;
  /** URL of the session, for its end. @type {string | null} */
  #location = null;
  /** @type {Connection} */
  #connection = "new";
  /** Asked for and not yet accepted, by event id. @type {Map<string, Pending>} */
  #asked = new Map();
  /** Accepted and not yet done, by response id. @type {Map<string, Pending>} */
  #responses = new Map();
  #count = 0;

  /** @param {Options} [options] */
  constructor(options = {}) {
    this.#options = { url: "/whep", portrait: "", voice: "", ...options };
  }

  /** @returns {Connection} How the connection stands. */
  get connection() {
    return this.#connection;
  }

  /** @returns {MediaStream} Sound and pictures in one stream. */
  get stream() {
    return this.#stream;
  }

  /**
   * Listen. Names: every server event by its `type` ("avatar.state_changed", "response.done",
   * "response.output_audio_transcript.delta", "error", …), and "connection" (a `Connection`).
   *
   * @param {string} name
   * @param {(detail: any) => void} listener
   * @returns {() => void} Stops listening.
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * Show the avatar in a video element. It plays muted until there was a gesture: set
   * `video.muted = false` in one.
   *
   * @param {HTMLVideoElement} video
   */
  attach(video) {
    this.#video = video;
    video.playsInline = true;
    video.autoplay = true;
    this.#show();
  }

  /**
   * Connect; resolves when the session stands. Rejects with a JamflowError, whose code is
   * "overloaded" when the server is full.
   *
   * @returns {Promise<void>}
   */
  async connect() {
    if (this.#peer) throw new JamflowError("wrong_order", "This avatar was connected before.");
    this.#setConnection("connecting");
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.#peer = peer;
    try {
      const created = this.#prepare(peer);
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      const answer = await this.#post(peer.localDescription?.sdp ?? "");
      if (this.#peer !== peer) {
        // close() came in between: give the place back.
        this.#end();
        throw new JamflowError("connection", "The connection was closed.");
      }
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
      await created;
      this.#setConnection("connected");
    } catch (error) {
      if (this.#peer === peer) this.#shut("failed");
      throw error;
    }
  }

  /**
   * Say a text, after what is still being said.
   *
   * @param {string} text
   * @returns {Promise<Said>} Resolves when it was heard or cancelled; rejects when refused.
   */
  say(text) {
    return new Promise((resolve, reject) => {
      const id = `say-${++this.#count}`;
      this.#asked.set(id, { resolve, reject });
      try {
        this.#send({ type: "response.create", input: text, event_id: id });
      } catch (error) {
        this.#asked.delete(id);
        reject(error);
      }
    });
  }

  /** Stop speaking at once. */
  interrupt() {
    this.#send({ type: "response.cancel" });
  }

  /** @returns {Promise<Stats>} What arrives, and how. */
  async stats() {
    /** @type {Stats} */
    const stats = {
      bytesReceived: 0,
      framesDecoded: 0,
      framesPerSecond: 0,
      audioEnergy: 0,
      audioLevel: 0,
      roundTripMs: null,
      syncMs: null,
    };
    /** @type {Record<string, number>} */
    const playout = {};
    for (const report of (await this.#peer?.getStats())?.values() ?? []) {
      if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime) {
        stats.roundTripMs = 1000 * report.currentRoundTripTime;
      }
      if (report.type !== "inbound-rtp") continue;
      stats.bytesReceived += report.bytesReceived ?? 0;
      playout[report.kind] = report.estimatedPlayoutTimestamp ?? NaN;
      if (report.kind === "video") {
        stats.framesDecoded = report.framesDecoded ?? 0;
        stats.framesPerSecond = report.framesPerSecond ?? 0;
      } else {
        stats.audioEnergy = report.totalAudioEnergy ?? 0;
        stats.audioLevel = report.audioLevel ?? 0;
      }
    }
    const sync = playout.audio - playout.video;
    stats.syncMs = Number.isFinite(sync) ? sync : null;
    return stats;
  }

  /** End the session and free its place on the server. */
  close() {
    if (this.#connection !== "closed") this.#shut("closed");
  }

  /**
   * Tracks in, channel of events; resolves with the server's greeting.
   *
   * @param {RTCPeerConnection} peer
   * @returns {Promise<void>}
   */
  #prepare(peer) {
    const channel = peer.createDataChannel("events");
    this.#channel = channel;
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    peer.ontrack = ({ track }) => {
      this.#stream.addTrack(track);
      this.#show();
    };
    const created = new Promise((resolve, reject) => {
      const lost = () => {
        reject(new JamflowError("connection", "No connection to the server could be made."));
        if (this.#peer === peer && this.#connection === "connected") this.#shut("failed");
      };
      const timer = setTimeout(lost, CONNECT_MS);
      channel.onmessage = ({ data }) => {
        const event = /** @type {ServerEvent} */ (JSON.parse(data));
        if (event.type === "session.created") {
          clearTimeout(timer);
          resolve(undefined);
        }
        this.#receive(event);
      };
      channel.onclose = lost;
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "failed" || peer.connectionState === "closed") lost();
      };
    });
    // Should the offer fail first, this one fails later, unheard.
    created.catch(() => {});
    return created;
  }

  /**
   * @param {string} offer
   * @returns {Promise<string>} The answer.
   */
  async #post(offer) {
    const url = new URL(this.#options.url, document.baseURI);
    if (this.#options.portrait) url.searchParams.set("portrait", this.#options.portrait);
    if (this.#options.voice) url.searchParams.set("voice", this.#options.voice);
    let response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: offer,
      });
    } catch {
      throw new JamflowError("connection", "The server does not answer.");
    }
    const text = await response.text();
    if (response.status === 503) {
      const after = Number(response.headers.get("Retry-After")) || null;
      throw new JamflowError("overloaded", text, after);
    }
    if (!response.ok) {
      throw new JamflowError(response.status === 400 ? "invalid_input" : "failed", text);
    }
    const location = response.headers.get("Location");
    this.#location = location && new URL(location, url).href;
    return text;
  }

  /** @param {ServerEvent} event */
  #receive(event) {
    const id = event.response_id ?? "";
    if (event.type === "response.created") {
      const asked = this.#asked.get(event.event_id ?? "");
      if (asked) this.#responses.set(id, asked);
      this.#asked.delete(event.event_id ?? "");
    } else if (event.type === "response.done") {
      this.#responses.get(id)?.resolve({
        id,
        status: event.status ?? "failed",
        spokenText: event.spoken_text ?? "",
      });
      this.#responses.delete(id);
    } else if (event.type === "error" && event.event_id) {
      const refused = new JamflowError(event.code ?? "failed", event.message ?? "");
      this.#asked.get(event.event_id)?.reject(refused);
      this.#asked.delete(event.event_id);
    }
    this.#emit(event.type, event);
  }

  /** @param {object} event */
  #send(event) {
    if (this.#channel?.readyState !== "open") {
      throw new JamflowError("connection", "There is no connection to the server.");
    }
    const message = JSON.stringify(event);
    const bytes = new TextEncoder().encode(message).length;
    if (bytes > MAX_MESSAGE) {
      throw new JamflowError("message_too_long", "The text is too long to be sent in one piece.");
    }
    this.#channel.send(message);
  }

  /** @param {Connection} state */
  #setConnection(state) {
    if (state === this.#connection) return;
    this.#connection = state;
    this.#emit("connection", state);
  }

  /**
   * @param {string} name
   * @param {any} detail
   */
  #emit(name, detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) listener(detail);
  }

  #show() {
    // Not before there is something to show: a video that waits for pictures holds back the end
    // of the page's loading.
    if (!this.#video || !this.#stream.getTracks().length) return;
    if (this.#video.srcObject !== this.#stream) this.#video.srcObject = this.#stream;
    // Muted playing is always allowed; a refusal only means that a gesture is still missing.
    this.#video.play().catch(() => {});
  }

  /** Free the place on the server; survives the end of the page. */
  #end() {
    if (this.#location) fetch(this.#location, { method: "DELETE", keepalive: true }).catch(() => {});
    this.#location = null;
  }

  /** @param {"failed" | "closed"} state */
  #shut(state) {
    this.#end();
    const peer = this.#peer;
    this.#peer = null;
    this.#channel = null;
    peer?.close();
    for (const track of this.#stream.getTracks()) this.#stream.removeTrack(track);
    const lost = new JamflowError("connection", "The connection ended.");
    for (const { reject } of [...this.#asked.values(), ...this.#responses.values()]) reject(lost);
    this.#asked.clear();
    this.#responses.clear();
    this.#setConnection(state);
  }
}

/**
 * Wait until the browser knows its addresses, but not for those that time out.
 *
 * @param {RTCPeerConnection} peer
 * @returns {Promise<void>}
 */
function gathered(peer) {
  return new Promise((resolve) => {
    const check = () => {
      if (peer.iceGatheringState === "complete") resolve();
    };
    peer.addEventListener("icegatheringstatechange", check);
    setTimeout(resolve, GATHER_MS);
    check();
  });
}
