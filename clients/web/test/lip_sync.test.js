import assert from "node:assert/strict";
import { test } from "node:test";

import { Balance } from "../src/lip_sync.js";

/** What Chromium does with both tracks, second by second, as far as it matters here. */
class Browser {
  balance = new Balance();
  needed = 40;
  sound = 40;
  /** From a picture's coming to its being seen: without need, it is decoded and drawn. */
  delay = 32;
  /** What its own synchronisation wants of that. */
  #extra = 0;
  #average = 0;
  #waited = 0;

  /**
   * @param {object} [how]
   * @param {number} [how.ahead] The offset if nothing were delayed.
   * @param {boolean} [how.helped] Whether there is anything but the browser.
   * @param {number} [how.slow] Seconds until pictures are delayed for less.
   */
  constructor({ ahead = 8, helped = true, slow = 0 } = {}) {
    this.ahead = ahead;
    this.helped = helped;
    this.slow = slow;
  }

  get offset() {
    return this.ahead + this.delay - this.sound;
  }

  /** @param {number} count */
  seconds(count) {
    for (let at = 0; at < 4 * count; at++) {
      const target = Math.max(this.needed, this.balance.sound);
      if (this.sound < target) this.sound = target;
      else if (this.sound > target + 20) this.sound -= 15;
      if (at % 4 === 0) this.#synchronise();
      this.#show();
      if (!this.helped) continue;
      const { offset, sound, needed: soundNeeded } = this;
      this.balance.update({ offset, sound, soundNeeded, pictures: this.delay - 20 });
    }
  }

  /** Packets come late for some time; then the buffer forgets that, slowly. */
  disturb(late = 200) {
    this.needed = late;
    this.seconds(10);
    for (; this.needed > 40; this.needed -= 20) this.seconds(6);
    this.seconds(40);
  }

  #synchronise() {
    this.#average = Math.trunc((3 * this.#average + this.offset) / 4);
    if (Math.abs(this.#average) < 30) return;
    const step = Math.max(-80, Math.min(80, Math.trunc(this.#average / 2)));
    this.#extra = Math.max(0, Math.max(this.#extra, step < 0 ? this.delay : 0) - step);
    this.#average = 0;
  }

  #show() {
    const least = Math.max(32, this.#extra, this.balance.pictures);
    if (least >= this.delay) this.#waited = 0;
    else if (++this.#waited < 4 * this.slow) return;
    this.delay = least;
    this.#waited = 0;
  }
}

test("a disturbance leaves the browser alone with pictures that are late", () => {
  const browser = new Browser({ helped: false });
  browser.disturb();
  assert.ok(browser.offset > 10 && browser.offset < 30, `${browser.offset} ms`);
});

test("what a disturbance left is evened out", () => {
  for (const late of [60, 100, 200, 600]) {
    const browser = new Browser();
    browser.disturb(late);
    assert.ok(Math.abs(browser.offset) <= 10, `${browser.offset} ms after ${late} ms`);
  }
});

test("many disturbances add up to no delay", () => {
  const browser = new Browser();
  const sounds = Array.from({ length: 20 }, () => {
    browser.disturb();
    return browser.sound;
  });
  assert.ok(Math.max(...sounds) <= 90, sounds.join(" "));
});

test("where all is well nothing is done", () => {
  const browser = new Browser({ ahead: 5 });
  browser.seconds(600);
  assert.deepEqual([browser.balance.sound, browser.balance.pictures], [0, 0]);
});

test("pictures wait for slow loudspeakers", () => {
  const browser = new Browser({ ahead: -170 });
  browser.seconds(20);
  assert.ok(Math.abs(browser.offset) <= 10, `${browser.offset} ms`);
  // They are changed for others.
  browser.ahead = 8;
  browser.seconds(30);
  assert.ok(Math.abs(browser.offset) <= 10, `${browser.offset} ms`);
});

test("pictures are not held for longer than can be overlooked, at once", () => {
  const balance = new Balance();
  balance.update({ offset: -500, sound: 500, soundNeeded: 500, pictures: 20 });
  assert.equal(balance.pictures, 120);
});

test("a browser that has not held pictures yet is waited for", () => {
  const balance = new Balance();
  const held = { offset: -60, sound: 100, soundNeeded: 100, pictures: 12 };
  for (let at = 0; at < 20; at++) balance.update(held);
  assert.ok(balance.pictures <= 12 + 60 + 60, `${balance.pictures} ms`);
});

test("pictures are not held much longer than sound has to wait", () => {
  const browser = new Browser();
  // After a long stall both waited for seconds.
  browser.sound = browser.delay = 2900;
  browser.balance.pictures = 2900;
  browser.seconds(60);
  assert.ok(browser.delay < 500 && browser.sound < 500, `${browser.delay}, ${browser.sound} ms`);
});

test("a browser that is slow to show pictures earlier is waited for", () => {
  const browser = new Browser({ slow: 5 });
  browser.needed = 90;
  browser.seconds(10);
  browser.needed = 60;
  let latest = 0;
  for (let at = 0; at < 20; at++) {
    browser.seconds(1);
    latest = Math.min(latest, browser.offset);
  }
  assert.ok(Math.abs(browser.offset) <= 10 && latest >= -10, `${browser.offset}, ${latest} ms`);
});

test("sound is not held while its buffer shrinks", () => {
  const balance = new Balance();
  for (let sound = 200; sound > 40; sound -= 10) {
    balance.update({ offset: 25, sound, soundNeeded: 20, pictures: 60 });
  }
  assert.equal(balance.sound, 0);
});
