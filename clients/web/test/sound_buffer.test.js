import assert from "node:assert/strict";
import { test } from "node:test";

import { SoundBuffer } from "../src/media/sound_buffer.js";

const RATE = 48_000;
const PACKET = 960;
const BLOCK = 128;

/** @param {number} length @param {number} [value] */
const sound = (length, value = 0.5) => new Float32Array(length).fill(value);

/**
 * @param {SoundBuffer} buffer
 * @param {number} seconds
 * @param {number} from
 */
function fill(buffer, seconds, from = 0) {
  const count = Math.round((seconds * RATE) / PACKET);
  for (let at = 0; at < count; at++) buffer.push(sound(PACKET), from + (at * PACKET) / RATE);
}

/** @param {SoundBuffer} buffer @param {number} seconds */
function play(buffer, seconds) {
  const out = new Float32Array(BLOCK);
  let heard = 0;
  for (let at = 0; at < Math.round((seconds * RATE) / BLOCK); at++) {
    if (buffer.read(out)) heard += BLOCK / RATE;
  }
  return heard;
}

test("it waits until enough has come, then plays from the first sample", () => {
  const buffer = new SoundBuffer(RATE);
  const out = new Float32Array(BLOCK);
  assert.equal(buffer.time, null);
  buffer.push(sound(PACKET), 7);
  assert.equal(buffer.read(out), false);
  assert.equal(out[0], 0);
  fill(buffer, 0.1, 7.02);
  assert.ok(Math.abs((buffer.time ?? 0) - 7) < 1e-9);
  assert.equal(buffer.read(out), true);
  assert.equal(out[0], 0.5);
  assert.ok(Math.abs((buffer.time ?? 0) - 7 - BLOCK / RATE) < 1e-9);
});

test("time is the position of what is played, also around the ring", () => {
  const buffer = new SoundBuffer(RATE, 0.5);
  let pushed = 0;
  for (let round = 0; round < 40; round++) {
    fill(buffer, 0.1, pushed);
    pushed += 0.1;
    play(buffer, 0.096);
    const { time } = buffer;
    assert.ok(time !== null && Math.abs(time - (pushed - buffer.filled)) < 1e-6);
  }
  assert.equal(buffer.underruns, 0);
});

test("a hole is silence, and what comes after it keeps its time", () => {
  const buffer = new SoundBuffer(RATE);
  fill(buffer, 0.1);
  buffer.push(sound(PACKET), 0.12);
  assert.ok(Math.abs(buffer.filled - 0.14) < 1e-9);
  const out = new Float32Array(0.14 * RATE);
  buffer.read(out);
  assert.equal(out[Math.round(0.09 * RATE)], 0.5);
  assert.equal(out[Math.round(0.11 * RATE)], 0);
  assert.equal(out[Math.round(0.13 * RATE)], 0.5);
});

test("another time begins anew", () => {
  const buffer = new SoundBuffer(RATE);
  fill(buffer, 0.1);
  fill(buffer, 0.1, 90);
  assert.ok(Math.abs((buffer.time ?? 0) - 90) < 1e-9);
});

test("an empty buffer fades out, counts, and waits longer from then on", () => {
  const buffer = new SoundBuffer(RATE);
  fill(buffer, 0.1);
  const before = buffer.target;
  const out = new Float32Array(0.11 * RATE);
  buffer.read(out);
  assert.equal(buffer.underruns, 1);
  assert.ok(buffer.target > before);
  assert.equal(out.at(-1), 0);
  const steps = out.slice(1).map((value, at) => Math.abs(value - out[at]));
  assert.ok(Math.max(...steps) < 0.05, "a click");
  assert.equal(buffer.read(out), false);
});

test("the delay that a gap leaves behind is given up", () => {
  const buffer = new SoundBuffer(RATE);
  fill(buffer, 0.5);
  play(buffer, 0.02);
  // As much comes in as is played; half a second waits.
  let pushed = 0.5;
  for (let at = 0; at < 40; at++) {
    fill(buffer, 0.08, pushed);
    pushed += 0.08;
    play(buffer, 0.08);
  }
  assert.ok(buffer.filled < 0.15, `${buffer.filled} s still wait`);
  assert.equal(buffer.underruns, 0);
});

test("cleared, it is silent at once and forgets the time", () => {
  const buffer = new SoundBuffer(RATE);
  fill(buffer, 0.2);
  play(buffer, 0.02);
  buffer.clear();
  assert.equal(buffer.filled, 0);
  assert.equal(buffer.time, null);
  assert.equal(play(buffer, 0.1), 0);
  assert.equal(buffer.underruns, 0);
});

test("more than fits drives out the oldest", () => {
  const buffer = new SoundBuffer(RATE, 0.2);
  fill(buffer, 1);
  assert.ok(Math.abs(buffer.filled - 0.2) < 1e-9);
  assert.ok(Math.abs((buffer.time ?? 0) - 0.8) < 1e-9);
});
