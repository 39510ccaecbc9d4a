/** Motion latents → faces → landmarks of a portrait, against figures that the server computed. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { headMotion } from "../src/render/head.js";
import { MotionSpace } from "../src/render/motion_space.js";
import { Tensors } from "../src/render/safetensors.js";
import { MotionTransfer } from "../src/render/transfer.js";

// Written by tests/drawing_fixture.py.
const { buffer } = new Uint8Array(
  await readFile(new URL("./fixtures/drawing.safetensors", import.meta.url)),
);
const figures = new Tensors(buffer);
const space = new MotionSpace(buffer);
const FRAMES = 2;

/**
 * One frame's row of a tensor.
 *
 * @param {string} name
 * @param {number} frame
 */
function row(name, frame) {
  const numbers = figures.floats(name);
  const size = numbers.length / FRAMES;
  return numbers.subarray(frame * size, (frame + 1) * size);
}

/**
 * @param {ArrayLike<number>} found
 * @param {ArrayLike<number>} wanted
 * @param {number} [tolerance]
 */
function assertClose(found, wanted, tolerance = 1e-5) {
  assert.equal(found.length, wanted.length);
  Array.from(found).forEach((value, n) => {
    const far = Math.abs(value - wanted[n]);
    assert.ok(far <= tolerance, `number ${n} is ${value} instead of ${wanted[n]}`);
  });
}

for (let frame = 0; frame < FRAMES; frame++) {
  const face = space.decode(row("latents", frame));

  test(`frame ${frame}: latents become the same face`, () => {
    assertClose(face.landmarks, row("landmarks", frame));
    assertClose([...face.rotation, ...face.translation, face.scale], row("pose", frame));
  });

  test(`frame ${frame}: the portrait's landmarks move alike`, () => {
    const transfer = new MotionTransfer(figures.floats("portrait"), space.neutral);
    assertClose(transfer.apply(face.landmarks), row("moved", frame));
  });

  test(`frame ${frame}: the head turns within the same limits`, () => {
    const { turn, slide } = headMotion(face);
    assertClose(turn, row("turn", frame));
    assertClose(slide, row("slide", frame));
  });
}

test("the face at rest has no pose and leaves the portrait as it is", () => {
  const face = space.decode(space.rest);
  assertClose([...face.rotation, ...face.translation, face.scale], [0, 0, 0, 0, 0, 1]);
  const portrait = figures.floats("portrait");
  assertClose(new MotionTransfer(portrait, space.neutral).apply(face.landmarks), portrait);
  assertClose(headMotion(face).turn, [1, 0, 0, 0, 1, 0]);
});

test("motion that does not fit or holds no numbers is refused", () => {
  assert.throws(() => space.decode([1, 2, 3]), { code: "invalid_input", message: /8 numbers/ });
  for (const bad of [NaN, Infinity]) {
    const latents = Float32Array.from(space.rest).fill(bad, 3, 4);
    assert.throws(() => space.decode(latents), { code: "invalid_input", message: /NaN/ });
  }
});
