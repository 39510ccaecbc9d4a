import assert from "node:assert/strict";
import { test } from "node:test";

import { AUDIO, HEADER_BYTES, INPUT_AUDIO, VIDEO, isKey, packSound, parseFrame } from "../src/media/header.js";
import { half, parseMotion } from "../src/media/motion_frame.js";

/** @param {number[]} bytes */
const message = (bytes) => Uint8Array.from(bytes).buffer;

test("a header is read field by field, big-endian", () => {
  const frame = parseFrame(
    message([1, 1, 0, 0, 0, 0, 1, 2, 0, 0, 0, 2, 84, 11, 228, 3, 9, 8, 7]),
  );
  assert.equal(frame.kind, VIDEO);
  assert.equal(isKey(frame), true);
  assert.equal(frame.epoch, 258);
  assert.equal(frame.time, 10_000_000_003);
  assert.deepEqual([...frame.payload], [9, 8, 7]);
});

test("a frame without its flag is no key frame", () => {
  const frame = parseFrame(message([VIDEO, 0, 0, 0, ...new Array(12).fill(0)]));
  assert.equal(isKey(frame), false);
  assert.equal(frame.payload.length, 0);
});

test("what is no frame is refused", () => {
  for (const bytes of [[], new Array(15).fill(1), [9, ...new Array(15).fill(0)]]) {
    assert.throws(() => parseFrame(message(bytes)), { code: "invalid_event" });
  }
  const reserved = [AUDIO, 0, 1, 0, ...new Array(12).fill(0)];
  assert.throws(() => parseFrame(message(reserved)), { code: "invalid_event" });
});

test("sound for the server is little-endian behind a header that reads back", () => {
  const sound = packSound(Int16Array.of(1, -2, 32767), { hear: true, time: 40_000.4 });
  assert.equal(sound.byteLength, HEADER_BYTES + 6);
  const frame = parseFrame(sound);
  assert.deepEqual([frame.kind, frame.flags, frame.epoch, frame.time], [INPUT_AUDIO, 1, 0, 40_000]);
  assert.deepEqual([...frame.payload], [1, 0, 254, 255, 255, 127]);
  assert.equal(parseFrame(packSound(new Int16Array(1), { hear: false, time: 0 })).flags, 0);
});

test("numbers of 16 bits, as IEEE 754 has them", () => {
  const known = new Map([
    [0x0000, 0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x7c00, Infinity],
  ]);
  for (const [bits, value] of known) assert.equal(half(bits), value);
  assert.ok(Object.is(half(0x8000), -0));
  assert.ok(Number.isNaN(half(0x7e00)));
});

test("motion has latents and coefficients", () => {
  const bytes = [0, 2, 0x3c, 0x00, 0xc0, 0x00, 255, 51, ...new Array(50).fill(0)];
  const { latents, arkit } = parseMotion(Uint8Array.from(bytes));
  assert.deepEqual([...latents], [1, -2]);
  assert.equal(arkit.length, 52);
  assert.equal(arkit[0], 1);
  assert.ok(Math.abs(arkit[1] - 0.2) < 1e-6);
});

test("motion of a wrong length is refused", () => {
  for (const length of [0, 1, 2, 57]) {
    const payload = new Uint8Array(length);
    if (length > 1) payload[1] = 3;
    assert.throws(() => parseMotion(payload), { code: "invalid_event" });
  }
});

test("motion is read where its frame lies in the message", () => {
  const payload = [0, 1, 0x3c, 0x00, ...new Array(52).fill(0)];
  const { payload: inside } = parseFrame(message([3, 0, 0, 0, ...new Array(12).fill(0), ...payload]));
  assert.deepEqual([...parseMotion(inside).latents], [1]);
});
