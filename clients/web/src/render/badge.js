/** Draws the sign that a picture was made by a machine over it. One context, one badge. */

import { badgeBox, badgePixels } from "./badge_shape.js";
import { makeProgram, makeTexture } from "./gl.js";
import { BADGE_FRAGMENT, WHOLE_VERTEX } from "./shaders.js";

export class Badge {
  #gl;
  #program;
  /** Once the size is known. @type {WebGLTexture | null} */
  #texture = null;
  #size = 0;

  /** @param {WebGL2RenderingContext} gl */
  constructor(gl) {
    this.#gl = gl;
    this.#program = makeProgram(gl, WHOLE_VERTEX, BADGE_FRAGMENT);
  }

  /** Draw it into the square picture in the middle of the context's canvas. */
  draw() {
    const gl = this.#gl;
    const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
    const size = Math.min(width, height);
    if (size !== this.#size) this.#resize(size);
    const box = badgeBox(size);
    const left = Math.floor((width - size) / 2) + box.left;
    const bottom = Math.floor((height - size) / 2) + size - box.top - box.height;
    gl.viewport(left, bottom, box.width, box.height);
    gl.useProgram(this.#program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.bindTexture(gl.TEXTURE_2D, this.#texture);
    gl.uniform1i(gl.getUniformLocation(this.#program, "badge"), 0);
    gl.uniform2i(gl.getUniformLocation(this.#program, "corner"), left, bottom);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Free the graphics card's memory. */
  dispose() {
    this.#gl.deleteProgram(this.#program);
    this.#gl.deleteTexture(this.#texture);
  }

  /** @param {number} size Of the picture, in pixels. */
  #resize(size) {
    const gl = this.#gl;
    const { width, height } = badgeBox(size);
    gl.deleteTexture(this.#texture);
    this.#texture = makeTexture(gl, gl.NEAREST);
    const pixels = badgePixels(width, height);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    const [kind, bytes] = [gl.RGBA, gl.UNSIGNED_BYTE];
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, kind, bytes, pixels);
    this.#size = size;
  }
}
