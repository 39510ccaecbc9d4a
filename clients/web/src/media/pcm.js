/** Sound as the server takes it: 16 bits, little-endian. */

/**
 * @param {Float32Array} samples −1…1; louder is cut off.
 * @returns {Int16Array}
 */
export function toInt16(samples) {
  const out = new Int16Array(samples.length);
  for (let at = 0; at < samples.length; at++) {
    out[at] = Math.round(32767 * Math.max(-1, Math.min(1, samples[at])));
  }
  return out;
}

/**
 * @param {Int16Array} samples
 * @returns {Float32Array} −1…1
 */
export function toFloat(samples) {
  return Float32Array.from(samples, (sample) => sample / 32768);
}

/**
 * @param {Int16Array} samples
 * @returns {string} Little-endian, in base64.
 */
export function toBase64(samples) {
  const bytes = new Uint8Array(2 * samples.length);
  const view = new DataView(bytes.buffer);
  samples.forEach((sample, at) => view.setInt16(2 * at, sample, true));
  let text = "";
  // An argument list has a longest length.
  for (let at = 0; at < bytes.length; at += 0x2000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  }
  return btoa(text);
}
