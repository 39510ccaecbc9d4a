/** The pictures of a portrait on the graphics card, in the size that a drawing wants. */

import { makeProgram, makeTexture } from "./gl.js";
import { RESAMPLE_FRAGMENT, WHOLE_VERTEX } from "./shaders.js";

/** @typedef {{texture: WebGLTexture, width: number, height: number}} Source */

/** Keeps the pictures as they came, and makes others of them. */
export class Pictures {
  #gl;
  #program;
  #frame;
  /** @type {Source[]} */
  #sources;

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {ImageBitmap[]} bitmaps Alpha not multiplied in.
   */
  constructor(gl, bitmaps) {
    this.#gl = gl;
    this.#program = makeProgram(gl, WHOLE_VERTEX, RESAMPLE_FRAGMENT);
    this.#frame = gl.createFramebuffer();
    this.#sources = bitmaps.map((bitmap) => {
      const texture = makeTexture(gl, gl.NEAREST);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
      return { texture, width: bitmap.width, height: bitmap.height };
    });
  }

  /**
   * @param {number} picture
   * @param {number} ratio Texels wanted for each that the picture has.
   * @returns {WebGLTexture} Alpha multiplied in, with bilinear filtering; the caller's to delete.
   */
  resample(picture, ratio) {
    const gl = this.#gl;
    const source = this.#sources[picture];
    const width = Math.max(2, Math.round(source.width * ratio));
    const height = Math.max(2, Math.round(source.height * ratio));
    const target = makeTexture(gl, gl.LINEAR);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
    gl.viewport(0, 0, width, height);
    gl.disable(gl.BLEND);
    gl.useProgram(this.#program);
    gl.bindTexture(gl.TEXTURE_2D, source.texture);
    const uniform = (/** @type {string} */ name) => gl.getUniformLocation(this.#program, name);
    gl.uniform1i(uniform("source"), 0);
    gl.uniform2f(uniform("ratio"), source.width / width, source.height / height);
    gl.uniform1i(uniform("enlarge"), Number(ratio >= 1));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return target;
  }

  /** Free the graphics card's memory. */
  dispose() {
    this.#gl.deleteProgram(this.#program);
    this.#gl.deleteFramebuffer(this.#frame);
    for (const { texture } of this.#sources) this.#gl.deleteTexture(texture);
  }
}
