/**
 * Keeps sound and picture of a WebRTC connection together more closely than the browser does.
 *
 * Chromium leaves alone what is within 30 ms by its own estimate, and it keeps what a disturbance
 * left: packets that come late let it hold sound longer, for that it holds pictures longer, and when
 * it lets go of the sound again, the pictures stay up to 30 ms behind. Here the rest is evened out
 * by `jitterBufferTarget`, the least that a receiver holds, of whichever track is ahead.
 */

/** The browser looks once a second; who is quicker leaves it nothing to do. */
const EVERY_MS = 250;
/** Offsets up to this are good enough. */
const GOOD_MS = 8;
/** Beyond this the browser acts itself, and better: it can also hold pictures for less. */
const BROWSER_MS = 35;
/** One step: a picture that stands still for longer would be seen. */
const STEP_MS = 80;
/** What counts as a picture's delay beside waiting: it is decoded and drawn. At least, and at most. */
const DRAWING_MS = 20;
const SLOW_DRAWING_MS = 60;
/** Pictures are not held for longer than sound has to wait and this, for slow loudspeakers. */
const MOST_PICTURES_MS = 400;
/** Sound is not held for longer than it has to wait anyway and this. */
const MOST_SOUND_MS = 70;
/** How often sound must have been early and its buffer steady, before it is held: 8 s. */
const PATIENCE = 32;
/** A buffer that has shrunk by more than this is not steady. */
const SHRINKING_MS = 5;
/** The browser's figures are of another time, or of none. */
const NONSENSE_MS = 2_000;

/**
 * @typedef {object} Holding How a browser held both tracks of late, in ms.
 * @property {number} offset What is heard is newer than what is seen by so much.
 * @property {number} sound How long sound waited.
 * @property {number} soundNeeded How long it had to, because packets come unevenly.
 * @property {number} pictures How long pictures waited.
 */

/** The least that each track shall wait, in ms, from how they waited so far. */
export class Balance {
  /** 0: as the browser likes. */
  sound = 0;
  pictures = 0;
  #early = 0;
  #before = 0;

  /** @param {Holding} held */
  update({ offset, sound, soundNeeded, pictures }) {
    const shrinking = sound < this.#before - SHRINKING_MS;
    this.#before = sound;
    // The browser holds more by itself now, and what it then lets go of shall not be kept; or it
    // holds much less than when this was set.
    if (soundNeeded >= this.sound || soundNeeded < this.sound - MOST_SOUND_MS) this.sound = 0;
    if (offset <= GOOD_MS || offset > BROWSER_MS || shrinking) this.#early = 0;
    if (Math.abs(offset) <= GOOD_MS) return;
    const step = clamp(offset, -STEP_MS, STEP_MS);
    if (step < 0 && this.sound) {
      this.sound = Math.max(0, this.sound + step);
    } else if (step < 0 || this.pictures) {
      // From how they waited, for what was wanted last may not be so yet.
      const delay = clamp(this.pictures, pictures + DRAWING_MS, pictures + SLOW_DRAWING_MS);
      this.pictures = clamp(delay - step, 0, soundNeeded + MOST_PICTURES_MS);
    }
    if (step > 0 && offset <= BROWSER_MS && !shrinking && ++this.#early >= PATIENCE) {
      this.#early = 0;
      this.sound = Math.min(soundNeeded + MOST_SOUND_MS, Math.max(this.sound, sound) + step);
    }
  }
}

/** Looks after one connection. Does nothing where the browser does not say enough. */
export class LipSync {
  #peer;
  #receivers;
  #balance = new Balance();
  /** Totals as of the last look. @type {Record<"audio" | "video", Totals> | null} */
  #before = null;
  #timer;

  /** @param {RTCPeerConnection} peer */
  constructor(peer) {
    this.#peer = peer;
    this.#receivers = receivers(peer);
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  async #look() {
    if (this.#peer.connectionState === "closed") this.stop();
    const { audio, video } = this.#receivers;
    if (!audio || !video || !("jitterBufferTarget" in audio)) return;
    const now = { audio: totals(await audio.getStats()), video: totals(await video.getStats()) };
    const before = this.#before;
    this.#before = now;
    const held = before && holding(before, now);
    if (!held) return;
    this.#balance.update(held);
    hold(audio, this.#balance.sound);
    hold(video, this.#balance.pictures);
  }
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function clamp(value, least, most) {
  return Math.max(least, Math.min(most, value));
}

/** @typedef {{ playout: number, count: number, delay: number, least: number }} Totals */

/**
 * @param {RTCPeerConnection} peer
 * @returns {Partial<Record<string, RTCRtpReceiver>>} By kind.
 */
function receivers(peer) {
  return Object.fromEntries(peer.getReceivers().map((receiver) => [receiver.track.kind, receiver]));
}

/**
 * @param {RTCRtpReceiver} receiver
 * @param {number} least
 */
function hold(receiver, least) {
  const target = least || null;
  if (receiver.jitterBufferTarget !== target) receiver.jitterBufferTarget = target;
}

/**
 * @param {RTCStatsReport} stats
 * @returns {Totals} NaN is what the browser does not say.
 */
function totals(stats) {
  const report = [...stats.values()].find(({ type }) => type === "inbound-rtp") ?? {};
  return {
    playout: report.estimatedPlayoutTimestamp ?? NaN,
    count: report.jitterBufferEmittedCount ?? NaN,
    delay: 1000 * (report.jitterBufferDelay ?? NaN),
    least: 1000 * (report.jitterBufferMinimumDelay ?? NaN),
  };
}

/**
 * @param {Record<"audio" | "video", Totals>} before
 * @param {Record<"audio" | "video", Totals>} now
 * @returns {Holding | null} Null when nothing was played, or not enough is known.
 */
function holding(before, now) {
  /** @type {(kind: "audio" | "video", total: "delay" | "least") => number} */
  const each = (kind, total) =>
    (now[kind][total] - before[kind][total]) / (now[kind].count - before[kind].count);
  const held = {
    offset: now.audio.playout - now.video.playout,
    sound: each("audio", "delay"),
    soundNeeded: each("audio", "least"),
    pictures: each("video", "delay"),
  };
  const known = Object.values(held).every(Number.isFinite);
  return known && Math.abs(held.offset) < NONSENSE_MS ? held : null;
}
