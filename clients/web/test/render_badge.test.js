/** The badge, against figures of jamflow_rt/render/badge.py. */

import assert from "node:assert/strict";
import test from "node:test";

import { badgeBox, badgePixels } from "../src/render/badge_shape.js";

for (const [size, left, top, right, bottom] of [
  [12, 0, 0, 12, 12],
  [100, 68, 79, 94, 94],
  [512, 458, 476, 502, 502],
  [1024, 917, 953, 1004, 1004],
]) {
  test(`in a picture of ${size} pixels it lies where the server draws it`, () => {
    const wanted = { left, top, width: right - left, height: bottom - top };
    assert.deepEqual(badgeBox(size), wanted);
  });
}

const { width, height } = badgeBox(512);
const pixels = badgePixels(width, height);

/**
 * Grey over a picture that is grey, 0…255.
 *
 * @param {number} x
 * @param {number} y
 * @param {number} below
 */
function over(x, y, below) {
  const [red, green, blue, alpha] = pixels.subarray(4 * (y * width + x));
  assert.deepEqual([green, blue], [red, red]);
  return red + below * (1 - alpha / 255);
}

test("white letters on a dark plate with round corners", () => {
  assert.equal(over(0, 0, 200), 200);
  // The plate: 60 % of a grey of 16 over the picture.
  for (const [x, y] of [
    [4, 13],
    [22, 2],
    [width - 4, 13],
  ]) {
    assert.ok(Math.abs(over(x, y, 200) - (0.6 * 16 + 0.4 * 200)) < 1);
  }
  // The stem of the I, and the bar of the A with the hole above it.
  assert.ok(over(30, 13, 100) > 235);
  assert.ok(over(18, 15, 100) > 235);
  assert.ok(over(18, 13, 100) < 120);
});

test("as bright in all as the server's", () => {
  let sum = 0;
  for (let n = 0; n < width * height; n++) sum += over(n % width, Math.floor(n / width), 128);
  assert.ok(Math.abs(sum / (width * height) - 84.7) < 2);
});
