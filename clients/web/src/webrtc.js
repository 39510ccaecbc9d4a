/** A session over WebRTC: WHEP for the connection, two tracks, and a data channel of events. */

import { JamflowError, refusal } from "./errors.js";
import { fragment, parseIceServers } from "./ice.js";
import { LipSync } from "./lip_sync.js";
import { toBase64 } from "./media/pcm.js";

/** @import { Listener, Place, Purpose, ServerEvent, Stats, Transport } from "./types.js" */

/** From the answer to a path through the network; beyond it, another transport is the better bet. */
const ICE_MS = 4_000;
const CONNECT_MS = 15_000;
/** With one candidate known, the offer goes after so long; later candidates follow it. */
const GATHER_MS = 200;
const LONGEST_GATHER_MS = 1_000;
/** Another attempt waits no longer for the end of the one before. */
const FREE_MS = 1_000;
/** A path that is gone for so long does not come back by itself. */
const DISCONNECTED_MS = 5_000;

/** @implements {Transport} */
export class WebRtcTransport {
  /** @type {"webrtc"} */
  name = "webrtc";
  /** @type {"video"} */
  media = "video";
  #place;
  #listener;
  /** @type {RTCPeerConnection | null} */
  #peer = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {LipSync | null} */
  #lipSync = null;
  /** @type {MediaStreamTrack[]} */
  #tracks = [];
  /** URL of the session, for its end. @type {string | null} */
  #location = null;
  /** ICE servers that the server told of with its answer. @type {RTCIceServer[]} */
  #told = [];
  #silent = false;
  #standing = false;
  #closed = false;

  /**
   * @param {Place} place
   * @param {Listener} listener
   */
  constructor(place, listener) {
    this.#place = place;
    this.#listener = listener;
  }

  /** @returns {boolean} Whether this browser can. */
  static get supported() {
    return "RTCPeerConnection" in globalThis;
  }

  get tracks() {
    return this.#tracks;
  }

  /**
   * Rejects with code "no_route" when there is no path for the media.
   *
   * @returns {Promise<ServerEvent>}
   */
  async open() {
    const given = this.#place.iceServers;
    try {
      return await this.#attempt(given);
    } catch (error) {
      const unknown = !given.length && this.#told.length > 0;
      const blocked = error instanceof JamflowError && error.code === "no_route";
      if (!unknown || !blocked || this.#closed) throw error;
      // No direct path, but now a relay is known.
      return await this.#attempt(this.#told);
    }
  }

  /** @param {object} event */
  send(event) {
    if (this.#channel?.readyState !== "open") {
      throw new JamflowError("connection", "There is no connection to the server.");
    }
    this.#channel.send(JSON.stringify(event));
  }

  /**
   * @param {Int16Array} samples
   * @param {Purpose} purpose
   */
  sendAudio(samples, purpose) {
    this.send({ type: "input_audio_buffer.append", audio: toBase64(samples), purpose });
  }

  /**
   * What is on its way here would still be heard.
   *
   * @param {boolean} silent
   */
  hush(silent) {
    this.#silent = silent;
    for (const track of this.#tracks) if (track.kind === "audio") track.enabled = !silent;
  }

  wake() {
    // The media element plays; nothing else has to start.
  }

  /** @returns {Promise<Stats>} */
  async stats() {
    /** @type {Stats} */
    const stats = {
      transport: this.name,
      media: this.media,
      bytesReceived: 0,
      framesDecoded: 0,
      framesPerSecond: 0,
      audioEnergy: 0,
      audioLevel: 0,
      roundTripMs: null,
      syncMs: null,
      bufferMs: null,
      underruns: 0,
    };
    /** @type {Record<string, number>} */
    const playout = {};
    for (const report of (await this.#peer?.getStats())?.values() ?? []) {
      if (report.type === "candidate-pair" && report.nominated) {
        const seconds = report.currentRoundTripTime;
        stats.roundTripMs = seconds === undefined ? null : 1000 * seconds;
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
        stats.underruns = report.concealmentEvents ?? 0;
        const count = report.jitterBufferEmittedCount ?? 0;
        stats.bufferMs = count ? (1000 * report.jitterBufferDelay) / count : null;
      }
    }
    const sync = playout.audio - playout.video;
    stats.syncMs = Number.isFinite(sync) ? sync : null;
    return stats;
  }

  close() {
    this.#closed = true;
    void this.#release();
  }

  /**
   * @param {RTCIceServer[]} iceServers
   * @returns {Promise<ServerEvent>}
   */
  async #attempt(iceServers) {
    const { iceTransportPolicy } = this.#place;
    const bundlePolicy = "max-bundle";
    const peer = new RTCPeerConnection({ bundlePolicy, iceServers, iceTransportPolicy });
    this.#peer = peer;
    try {
      const created = this.#prepare(peer);
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      const offer = peer.localDescription?.sdp ?? "";
      const late = new LateCandidates(peer, offer, this.#place.token);
      const answer = await this.#post(offer);
      if (this.#closed) throw new JamflowError("connection", "The connection was closed.");
      // No relay is known yet: only the answer has told of one.
      if (iceTransportPolicy === "relay" && !iceServers.length) throw blocked();
      late.send(this.#location);
      await peer.setRemoteDescription({ type: "answer", sdp: answer });
      const greeting = await Promise.race([created, noRoute(peer)]);
      this.#standing = true;
      this.#lipSync = new LipSync(peer);
      return greeting;
    } catch (error) {
      // The place on the server is free again before another attempt asks for one.
      await this.#release();
      throw error;
    }
  }

  /**
   * Tracks in, channel of events; resolves with the server's greeting.
   *
   * @param {RTCPeerConnection} peer
   * @returns {Promise<ServerEvent>}
   */
  #prepare(peer) {
    const channel = peer.createDataChannel("events");
    this.#channel = channel;
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    peer.ontrack = ({ track }) => {
      this.#tracks = [...this.#tracks, track];
      this.hush(this.#silent);
      this.#listener.tracks();
    };
    const created = new Promise((resolve, reject) => {
      const lost = () => {
        const error = new JamflowError("connection", "The connection to the server was lost.");
        reject(error);
        if (this.#peer === peer && this.#standing) this.#lose(error);
      };
      setTimeout(() => {
        reject(new JamflowError("connection", "No connection to the server could be made."));
      }, CONNECT_MS);
      channel.onmessage = ({ data }) => {
        const event = /** @type {ServerEvent} */ (JSON.parse(data));
        if (event.type === "session.created") resolve(event);
        this.#listener.event(event);
      };
      channel.onclose = lost;
      watch(peer, lost);
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
    const url = new URL("whep", this.#place.base);
    if (this.#place.portrait) url.searchParams.set("portrait", this.#place.portrait);
    if (this.#place.voice) url.searchParams.set("voice", this.#place.voice);
    let response;
    try {
      response = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", ...bearer(this.#place.token) },
        body: offer,
      });
    } catch {
      throw new JamflowError("connection", "The server does not answer.");
    }
    if (!response.ok) throw await refusal(response);
    const location = response.headers.get("Location");
    this.#location = location && new URL(location, url).href;
    this.#told = parseIceServers(response.headers.get("Link"));
    return await response.text();
  }

  /** @param {JamflowError} error */
  #lose(error) {
    this.close();
    this.#listener.lost(error);
  }

  /** Free everything here and the place on the server; survives the end of the page. */
  async #release() {
    const [peer, location] = [this.#peer, this.#location];
    this.#peer = this.#channel = this.#location = null;
    this.#standing = false;
    this.#tracks = [];
    this.#lipSync?.stop();
    if (peer) peer.ontrack = peer.onconnectionstatechange = null;
    peer?.close();
    if (!location) return;
    const headers = bearer(this.#place.token);
    const freed = fetch(location, { method: "DELETE", keepalive: true, headers }).catch(() => {});
    await Promise.race([freed, new Promise((resolve) => setTimeout(resolve, FREE_MS))]);
  }
}

/** Candidates that are found after the offer has gone; a server without trickle ICE does without. */
class LateCandidates {
  /** @type {RTCIceCandidate[]} */
  #found = [];
  #complete = false;
  /** @type {string | null} */
  #location = null;
  #offer;
  #token;
  #sending = false;

  /**
   * @param {RTCPeerConnection} peer
   * @param {string} offer
   * @param {string | null} token
   */
  constructor(peer, offer, token) {
    this.#offer = offer;
    this.#token = token;
    if (peer.iceGatheringState === "complete") return;
    peer.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.candidate) this.#found.push(candidate);
      else this.#complete = true;
      void this.#flush();
    });
  }

  /** @param {string | null} location The session's URL. */
  send(location) {
    this.#location = location;
    void this.#flush();
  }

  async #flush() {
    if (!this.#location || this.#sending || !(this.#found.length || this.#complete)) return;
    this.#sending = true;
    const body = fragment(this.#offer, this.#found.splice(0), this.#complete);
    const headers = { "Content-Type": "application/trickle-ice-sdpfrag", ...bearer(this.#token) };
    try {
      const { ok } = await fetch(this.#location, { method: "PATCH", headers, body });
      // Refused once, refused always.
      if (!ok || this.#complete) this.#location = null;
    } catch {
      this.#location = null;
    }
    this.#sending = false;
    void this.#flush();
  }
}

/**
 * @param {string | null} token
 * @returns {Record<string, string>}
 */
function bearer(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/**
 * Wait until the browser knows addresses of its own, but not for those that time out.
 *
 * @param {RTCPeerConnection} peer
 * @returns {Promise<void>}
 */
function gathered(peer) {
  return new Promise((resolve) => {
    let found = false;
    let waited = false;
    const check = () => {
      if (peer.iceGatheringState === "complete" || (found && waited)) resolve();
    };
    peer.addEventListener("icegatheringstatechange", check);
    peer.addEventListener("icecandidate", ({ candidate }) => {
      found ||= Boolean(candidate?.candidate);
      check();
    });
    setTimeout(() => {
      waited = true;
      check();
    }, GATHER_MS);
    setTimeout(resolve, LONGEST_GATHER_MS);
    check();
  });
}

/**
 * Rejects when no path through the network is found in time.
 *
 * @param {RTCPeerConnection} peer
 * @returns {Promise<never>}
 */
function noRoute(peer) {
  return new Promise((_, reject) => {
    const timer = setTimeout(() => reject(blocked()), ICE_MS);
    const check = () => {
      const state = peer.iceConnectionState;
      if (state === "connected" || state === "completed") clearTimeout(timer);
      if (state === "failed") reject(blocked());
    };
    peer.addEventListener("iceconnectionstatechange", check);
    check();
  });
}

/** @returns {JamflowError} */
function blocked() {
  return new JamflowError("no_route", "The network lets no WebRTC through.");
}

/**
 * @param {RTCPeerConnection} peer
 * @param {() => void} lost
 */
function watch(peer, lost) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  peer.onconnectionstatechange = () => {
    clearTimeout(timer);
    const state = peer.connectionState;
    if (state === "failed" || state === "closed") lost();
    if (state === "disconnected") timer = setTimeout(lost, DISCONNECTED_MS);
  };
}
