/** What a MOTION frame holds: the latents of the face, and 52 ARKit coefficients. */

import { JamflowError } from "../errors.js";

const ARKIT_SIZE = 52;

/**
 * @typedef {object} Motion
 * @property {Float32Array} latents In the server's motion space.
 * @property {Float32Array} arkit 0…1, in Apple's order of ARFaceAnchor.BlendShapeLocation.
 */

/**
 * @param {Uint8Array} payload u16 D, D × float16, 52 × u8; big-endian.
 * @returns {Motion}
 */
export function parseMotion(payload) {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const size = payload.length >= 2 ? view.getUint16(0) : -1;
  if (payload.length !== 2 + 2 * size + ARKIT_SIZE) {
    throw new JamflowError("invalid_event", `A motion frame of ${payload.length} bytes.`);
  }
  const latents = new Float32Array(size);
  for (let at = 0; at < size; at++) latents[at] = half(view.getUint16(2 + 2 * at));
  const arkit = new Float32Array(ARKIT_SIZE);
  for (let at = 0; at < ARKIT_SIZE; at++) arkit[at] = payload[2 + 2 * size + at] / 255;
  return { latents, arkit };
}

/**
 * A number of 16 bits (IEEE 754 binary16).
 *
 * @param {number} bits
 * @returns {number}
 */
export function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * 2 ** -24 * fraction;
  if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
  return sign * 2 ** (exponent - 25) * (0x400 + fraction);
}
