/** The binary frames of the WebSocket: a header of 16 bytes, then the payload; big-endian. */

import { JamflowError } from "../errors.js";

export const HEADER_BYTES = 16;
export const VIDEO = 1;
export const AUDIO = 2;
export const MOTION = 3;
export const INPUT_AUDIO = 4;

/** A VIDEO frame that needs no other one; for INPUT_AUDIO: the user's microphone. */
const FLAG = 1;

/**
 * @typedef {object} Frame
 * @property {number} kind
 * @property {number} flags
 * @property {number} epoch Grows with every interruption: what is of an older one is void.
 * @property {number} time Microseconds on the session's media clock.
 * @property {Uint8Array} payload
 */

/**
 * @param {ArrayBuffer} message
 * @returns {Frame}
 */
export function parseFrame(message) {
  if (message.byteLength < HEADER_BYTES) {
    throw new JamflowError("invalid_event", `A media frame of ${message.byteLength} bytes.`);
  }
  const view = new DataView(message);
  const kind = view.getUint8(0);
  if (kind < VIDEO || kind > INPUT_AUDIO || view.getUint16(2) !== 0) {
    throw new JamflowError("invalid_event", `A media frame of unknown kind (${kind}).`);
  }
  return {
    kind,
    flags: view.getUint8(1),
    epoch: view.getUint32(4),
    // Exact for the next 285 years of a session.
    time: Number(view.getBigUint64(8)),
    payload: new Uint8Array(message, HEADER_BYTES),
  };
}

/**
 * Whether a VIDEO frame can be decoded without the ones before it.
 *
 * @param {Frame} frame
 * @returns {boolean}
 */
export function isKey(frame) {
  return (frame.flags & FLAG) !== 0;
}

/**
 * Sound for the server, as an INPUT_AUDIO frame.
 *
 * @param {Int16Array} samples
 * @param {{hear: boolean, time: number}} about Whether it is the user's microphone; the time of
 *   its first sample in microseconds since this sound began.
 * @returns {ArrayBuffer}
 */
export function packSound(samples, { hear, time }) {
  const message = new ArrayBuffer(HEADER_BYTES + 2 * samples.length);
  const view = new DataView(message);
  view.setUint8(0, INPUT_AUDIO);
  view.setUint8(1, hear ? FLAG : 0);
  view.setBigUint64(8, BigInt(Math.round(time)));
  for (let at = 0; at < samples.length; at++) {
    view.setInt16(HEADER_BYTES + 2 * at, samples[at], true);
  }
  return message;
}
