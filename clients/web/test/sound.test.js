import assert from "node:assert/strict";
import { test } from "node:test";

import { MediaClock } from "../src/media/clock.js";
import { toBase64, toFloat, toInt16 } from "../src/media/pcm.js";
import { PictureQueue } from "../src/media/picture_queue.js";
import { Resampler } from "../src/media/resampler.js";

/** @param {number} rate @param {number} hertz @param {number} length */
const tone = (rate, hertz, length) =>
  Float32Array.from({ length }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / rate));

/** @param {Float32Array} samples */
const loudness = (samples) =>
  Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);

/** @param {Resampler} resampler @param {Float32Array} samples @param {number} piece */
function inPieces(resampler, samples, piece) {
  const out = [];
  for (let at = 0; at < samples.length; at += piece) {
    out.push(...resampler.push(samples.subarray(at, at + piece)));
  }
  return Float32Array.from([...out, ...resampler.flush()]);
}

for (const rate of [8_000, 16_000, 44_100, 48_000]) {
  test(`a tone of ${rate} samples a second keeps its pitch and loudness at 24,000`, () => {
    const out = inPieces(new Resampler(rate, 24_000), tone(rate, 1000, rate / 4), 331);
    assert.ok(Math.abs(out.length - 6000) <= 2, `${out.length} samples`);
    const expected = tone(24_000, 1000, 6000);
    for (let at = 200; at < 5800; at++) assert.ok(Math.abs(out[at] - expected[at]) < 0.02);
  });
}

test("what the lower rate cannot hold is filtered out", () => {
  const out = inPieces(new Resampler(48_000, 24_000), tone(48_000, 18_000, 12_000), 480);
  assert.ok(loudness(out.slice(100, -100)) < 0.01);
});

test("pieces of any size give the same sound", () => {
  const samples = tone(44_100, 440, 4410);
  const whole = inPieces(new Resampler(44_100, 24_000), samples, 4410);
  for (const piece of [1, 7, 128, 1000]) {
    const out = inPieces(new Resampler(44_100, 24_000), samples, piece);
    assert.equal(out.length, whole.length);
    for (let at = 0; at < out.length; at++) assert.ok(Math.abs(out[at] - whole[at]) < 1e-5);
  }
});

test("at the same rate nothing changes", () => {
  const samples = tone(24_000, 440, 100);
  assert.equal(new Resampler(24_000, 24_000).push(samples), samples);
  assert.throws(() => new Resampler(0, 24_000), RangeError);
});

test("samples of 16 bits and back; louder is cut off", () => {
  assert.deepEqual([...toInt16(Float32Array.of(0, 1, -1, 2, 0.5))], [0, 32767, -32767, 32767, 16384]);
  assert.deepEqual([...toFloat(Int16Array.of(-32768, 0, 16384))], [-1, 0, 0.5]);
});

test("base64 of samples, also of many", () => {
  assert.equal(toBase64(Int16Array.of(1, -2)), "AQD+/w==");
  const long = new Int16Array(30_000).fill(258);
  assert.equal(atob(toBase64(long)).length, 60_000);
});

test("sound leads the clock while it plays", () => {
  const clock = new MediaClock();
  assert.equal(clock.now(5, 100), null);
  clock.report({ time: 20, at: 5, playing: true });
  assert.ok(Math.abs((clock.now(5.02, 100) ?? 0) - 20.02) < 1e-9);
  clock.report({ time: 20.1, at: 5.1, playing: false });
  assert.equal(clock.now(5.15, 100), 20.1);
  clock.clear();
  assert.equal(clock.now(5.2, 100), null);
});

test("without sound the clock follows what arrives, behind it and never jumping back", () => {
  const clock = new MediaClock();
  assert.equal(clock.now(null, 100), null);
  let before = 0;
  for (let at = 0; at < 50; at++) {
    // Every third arrives 30 ms late.
    const wall = 100 + 0.04 * at + (at % 3 ? 0.03 : 0);
    clock.arrive(7 + 0.04 * at, wall);
    const now = clock.now(null, wall) ?? 0;
    assert.ok(now >= before && now < 7 + 0.04 * at);
    before = now;
  }
});

test("a picture is shown when its time has come, and those it overtakes are dropped", () => {
  /** @type {string[]} */
  const dropped = [];
  const queue = new PictureQueue((/** @type {string} */ picture) => dropped.push(picture));
  queue.push(1, "a");
  queue.push(1.04, "b");
  queue.push(1.08, "c");
  assert.equal(queue.due(0.99), null);
  assert.deepEqual(queue.due(1.05), { time: 1.04, picture: "b" });
  assert.deepEqual(dropped, ["a"]);
  assert.equal(queue.due(1.05), null);
  queue.clear();
  assert.deepEqual(dropped, ["a", "c"]);
});

test("a page that shows nothing does not hold pictures for ever", () => {
  let dropped = 0;
  const queue = new PictureQueue(() => dropped++);
  for (let at = 0; at < 100; at++) queue.push(at, at);
  assert.equal(dropped, 88);
});
