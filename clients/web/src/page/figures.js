/** The small panel of figures: how quick, how steady, how well lips and voice fit. */

import { element } from "./elements.js";

/** @import { JamflowAvatar } from "../jamflow.js" */
/** @import { Stats } from "../types.js" */

const EVERY_MS = 1_000;
/** What people notice, in milliseconds: sound this much early, or this much late (ITU-R BT.1359). */
const EARLY = 45;
const LATE = -100;
/** The ends of the scale. */
const SCALE = 200;

const reply = element("reply", HTMLElement);
const trip = element("trip", HTMLElement);
const pictures = element("pictures", HTMLElement);
const data = element("data", HTMLElement);
const sync = element("sync", HTMLElement);
const syncText = element("sync-text", HTMLElement);
const syncMark = element("sync-mark", HTMLElement);

/** Shows the figures of one avatar. */
export class Figures {
  #avatar;
  #timer;
  /** When something was asked to be said, in milliseconds of the page. @type {number | null} */
  #asked = null;
  /** @type {Stats | null} */
  #before = null;

  /** @param {JamflowAvatar} avatar */
  constructor(avatar) {
    this.#avatar = avatar;
    this.#timer = setInterval(() => void this.#show(), EVERY_MS);
  }

  /** Something is asked to be said now. */
  ask() {
    this.#asked ??= performance.now();
  }

  /** It begins to be said. */
  answer() {
    if (this.#asked === null) return;
    reply.textContent = `${Math.round(performance.now() - this.#asked)} ms`;
    this.#asked = null;
  }

  /** It will not be said. */
  forget() {
    this.#asked = null;
  }

  stop() {
    clearInterval(this.#timer);
  }

  async #show() {
    if (this.#avatar.connection !== "connected" || document.hidden) return;
    const stats = await this.#avatar.stats().catch(() => null);
    if (!stats) return;
    const before = this.#before;
    this.#before = stats;
    trip.textContent = milliseconds(stats.roundTripMs);
    pictures.textContent =
      stats.media === "audio" ? "none" : `${Math.round(stats.framesPerSecond)} / s`;
    const bytes = stats.bytesReceived - (before?.bytesReceived ?? stats.bytesReceived);
    if (before && bytes >= 0) data.textContent = rate(bytes);
    this.#showSync(stats.media === "audio" ? null : stats.syncMs);
  }

  /** @param {number | null} offset Sound minus picture in milliseconds. */
  #showSync(offset) {
    sync.classList.toggle("known", offset !== null);
    syncText.textContent = offset === null ? "–" : signed(offset);
    if (offset === null) return;
    const share = 0.5 + Math.max(-1, Math.min(1, offset / SCALE)) / 2;
    syncMark.style.left = `${100 * share}%`;
    sync.classList.toggle("off", offset > EARLY || offset < LATE);
  }
}

/**
 * @param {number | null} value
 * @returns {string}
 */
function milliseconds(value) {
  if (value === null) return "–";
  return value < 1 ? "< 1 ms" : `${Math.round(value)} ms`;
}

/**
 * @param {number} value
 * @returns {string}
 */
function signed(value) {
  const round = Math.round(value);
  return `${round > 0 ? "+" : round < 0 ? "−" : "±"}${Math.abs(round)} ms`;
}

/**
 * @param {number} bytes Of one second.
 * @returns {string}
 */
function rate(bytes) {
  return bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB/s` : `${Math.round(bytes / 1000)} kB/s`;
}
