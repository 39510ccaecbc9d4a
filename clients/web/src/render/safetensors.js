/** Reads safetensors: a length, a header in JSON, and the numbers of all tensors. */

import { JamflowError } from "../errors.js";

/** Bits of half floats are kept as they are: WebGL reads them. */
const KINDS = /** @type {const} */ ({
  F32: Float32Array,
  F16: Uint16Array,
  U8: Uint8Array,
  U16: Uint16Array,
  U32: Uint32Array,
});

/**
 * @typedef {Float32Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>
 *   | Uint32Array<ArrayBuffer>} Numbers
 */

/** The tensors of one file. They share its memory. */
export class Tensors {
  /** @type {ArrayBuffer} */
  #buffer;
  #start;
  /** @type {Record<string, {dtype: keyof typeof KINDS, data_offsets: [number, number]}>} */
  #header;
  /** @type {Record<string, string>} Text that the file holds beside its tensors. */
  metadata;

  /** @param {ArrayBuffer} buffer The file. */
  constructor(buffer) {
    try {
      const length = Number(new DataView(buffer).getBigUint64(0, true));
      const text = new TextDecoder().decode(new Uint8Array(buffer, 8, length));
      const { __metadata__: metadata = {}, ...header } = JSON.parse(text);
      this.#header = header;
      this.metadata = metadata;
      this.#start = 8 + length;
      this.#buffer = buffer;
    } catch {
      throw new JamflowError("invalid_input", "This is no safetensors file.");
    }
  }

  /**
   * @param {string} name
   * @returns {Numbers} All numbers of a tensor, row after row.
   */
  get(name) {
    const entry = this.#header[name];
    const kind = entry && KINDS[entry.dtype];
    if (!kind) throw new JamflowError("invalid_input", `The file holds no tensor ${name}.`);
    const [begin, end] = entry.data_offsets;
    const count = (end - begin) / kind.BYTES_PER_ELEMENT;
    return new kind(this.#buffer, this.#start + begin, count);
  }

  /**
   * @param {string} name
   * @returns {Float32Array<ArrayBuffer>}
   */
  floats(name) {
    const numbers = this.get(name);
    if (numbers instanceof Float32Array) return numbers;
    throw new JamflowError("invalid_input", `The tensor ${name} does not hold 32-bit floats.`);
  }
}
