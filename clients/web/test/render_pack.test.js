/** Reading what the server packs. */

import assert from "node:assert/strict";
import test from "node:test";

import { MotionSpace } from "../src/render/motion_space.js";
import { Portrait } from "../src/render/portrait.js";
import { Tensors } from "../src/render/safetensors.js";

/**
 * A safetensors file.
 *
 * @param {Record<string, [string, number[], Uint8Array | Float32Array | Uint16Array]>} tensors
 * @param {Record<string, string>} [metadata]
 */
function file(tensors, metadata = {}) {
  let end = 0;
  /** @type {Record<string, object>} */
  const header = { __metadata__: metadata };
  for (const [name, [dtype, shape, { byteLength }]] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [end, end + byteLength] };
    end += byteLength;
  }
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text.padEnd(8 * Math.ceil(text.length / 8)));
  const bytes = new Uint8Array(8 + json.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  let place = 8 + json.length;
  for (const [, , { buffer, byteLength }] of Object.values(tensors)) {
    bytes.set(new Uint8Array(buffer, 0, byteLength), place);
    place += byteLength;
  }
  return bytes.buffer;
}

/** @returns {Parameters<typeof file>[0]} A portrait of one triangle. */
function triangle() {
  return {
    landmarks: ["F32", [478, 3], new Float32Array(1434)],
    origin: ["F32", [2], new Float32Array([0.5, 0.4])],
    unit: ["F32", [1], new Float32Array([0.025])],
    pose: ["F32", [3, 3], new Float32Array([1, 0, 0, 0, 1, 0, 0, 0, 1])],
    vertices: ["F32", [3, 3], new Float32Array(9)],
    uv: ["F32", [3, 2], new Float32Array([0, 0, 1, 0, 0, 1])],
    follow: ["F16", [3], new Uint16Array([0x3c00, 0x3800, 0])],
    pull_index: ["U16", [3, 4], new Uint16Array(12)],
    pull_weight: ["F16", [3, 4], new Uint16Array(12)],
    triangles: ["U16", [1, 3], new Uint16Array([0, 1, 2])],
    "picture.0": ["U8", [4], new Uint8Array([82, 73, 70, 70])],
  };
}

const LAYER = { name: "background", picture: 0, first: 0, count: 1, texels: 26 };

test("tensors are read as their kinds", () => {
  const a = new Float32Array([1.5, -2]);
  const b = new Uint8Array([7]);
  const tensors = new Tensors(file({ a: ["F32", [2], a], b: ["U8", [1], b] }, { c: "d" }));
  assert.deepEqual([...tensors.get("a")], [1.5, -2]);
  assert.deepEqual([...tensors.get("b")], [7]);
  assert.deepEqual(tensors.metadata, { c: "d" });
  assert.throws(() => tensors.get("c"), { code: "invalid_input" });
  assert.throws(() => tensors.floats("b"), { code: "invalid_input" });
});

test("what is no safetensors file is refused", () => {
  const html = new TextEncoder().encode("<!doctype html><title>Not found</title>");
  for (const bytes of [new Uint8Array(0), new Uint8Array(5), html, new Uint8Array(64)]) {
    assert.throws(() => new Tensors(bytes.slice().buffer), { code: "invalid_input" });
  }
});

test("a portrait is read with its pictures", async () => {
  const pack = JSON.stringify({ name: "mara", layers: [LAYER] });
  const portrait = new Portrait(file(triangle(), { pack }));
  assert.equal(portrait.name, "mara");
  assert.deepEqual(portrait.layers, [LAYER]);
  assert.deepEqual([...portrait.triangles], [0, 1, 2]);
  assert.equal(portrait.pictures.length, 1);
  assert.equal(portrait.pictures[0].type, "image/webp");
  assert.equal(await portrait.pictures[0].text(), "RIFF");
});

test("a portrait without layers, pictures or landmarks is refused", () => {
  const pack = JSON.stringify({ name: "mara", layers: [LAYER] });
  const { "picture.0": _picture, ...blind } = triangle();
  const few = { ...triangle(), landmarks: triangle().origin };
  for (const broken of [file(triangle()), file(blind, { pack }), file(few, { pack })]) {
    assert.throws(() => new Portrait(broken), { code: "invalid_input" });
  }
});

test("a motion space whose parts do not fit is refused", () => {
  const numbers = (/** @type {number} */ count) =>
    /** @type {[string, number[], Float32Array]} */ (["F32", [count], new Float32Array(count)]);
  const tensors = {
    average: numbers(1434),
    basis: numbers(2 * 1434),
    pose_mean: numbers(6),
    pose_std: numbers(6),
    rest: numbers(8),
  };
  assert.equal(new MotionSpace(file(tensors)).size, 8);
  for (const [name, count] of Object.entries({ average: 6, basis: 1434, pose_std: 5, rest: 9 })) {
    const broken = file({ ...tensors, [name]: numbers(count) });
    assert.throws(() => new MotionSpace(broken), { code: "invalid_input" });
  }
});
