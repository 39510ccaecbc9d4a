/** What time of the session is being heard: sound leads, pictures follow. */

/** Sound that reported nothing for so long does not play. */
const STALE = 0.5;
/** Without sound (a page that may not make any yet), pictures wait this long for one another. */
const WALL_DELAY = 0.08;
/** The wall's anchor forgets the fastest arrival at this rate: clocks of two machines differ. */
const WALL_DRIFT = 0.0005;

/**
 * @typedef {object} Report What the thread that plays tells.
 * @property {number | null} time Media time of a sample in seconds; null before the first sound.
 * @property {number} at When it is played, in seconds of the AudioContext.
 * @property {boolean} playing
 */

/** The session's media clock, in seconds. */
export class MediaClock {
  /** @type {Report | null} */
  #report = null;
  /** Least of arrival minus media time, in seconds. @type {number | null} */
  #offset = null;
  #arrived = 0;

  /** @param {Report} report */
  report(report) {
    this.#report = report;
  }

  /**
   * Sound or a picture has come in.
   *
   * @param {number} time Of it, on the media clock.
   * @param {number} wall The page's time in seconds.
   */
  arrive(time, wall) {
    const offset = wall - time;
    const known = this.#offset;
    const drift = WALL_DRIFT * (wall - this.#arrived);
    // Something from another time altogether begins anew.
    const fits = known !== null && Math.abs(offset - known) < 2;
    this.#offset = fits ? Math.min(offset, known + drift) : offset;
    this.#arrived = wall;
  }

  /** Another epoch has begun: what was heard says nothing about it. */
  clear() {
    this.#report = null;
  }

  /**
   * @param {number | null} heard The AudioContext's time of what leaves the loudspeaker now; null
   *   while it does not run.
   * @param {number} wall The page's time in seconds.
   * @returns {number | null} Media time; null before anything came.
   */
  now(heard, wall) {
    if (heard !== null) {
      const report = this.#report;
      if (report === null || report.time === null) return null;
      if (Math.abs(heard - report.at) < STALE) {
        return report.playing ? report.time + heard - report.at : report.time;
      }
      return report.time;
    }
    return this.#offset === null ? null : wall - this.#offset - WALL_DELAY;
  }
}
