/** Draws the layers of a portrait, moved by landmarks and a head. One context, one painter. */

import { makeProgram, makeTexture } from "./gl.js";
import { Pictures } from "./pictures.js";
import { MESH_FRAGMENT, MESH_VERTEX } from "./shaders.js";
import { LANDMARKS } from "./topology.js";

/** @typedef {import("./portrait.js").Portrait} Portrait */

/**
 * Texels a pixel: a texture somewhat finer than the picture stays sharp when it moves by fractions
 * of a pixel, and is not so fine that bilinear filtering would skip texels.
 */
const OVERSAMPLING = 1.4;
/** Pictures coarser than that are enlarged, but no further: there is no more to see in them. */
const MOST_ENLARGED = 1.5;

/** The attributes of a vertex in the order of the shader. */
const ATTRIBUTES = /** @type {const} */ ([
  { key: "vertices", numbers: 3, kind: "FLOAT" },
  { key: "uv", numbers: 2, kind: "FLOAT" },
  { key: "follow", numbers: 1, kind: "HALF_FLOAT" },
  { key: "pullIndex", numbers: 4, kind: "UNSIGNED_SHORT" },
  { key: "pullWeight", numbers: 4, kind: "HALF_FLOAT" },
]);

/** Texture units: the layer's picture, and the landmarks' displacements. */
const PICTURE_UNIT = 0;
const SHIFT_UNIT = 1;

export class Painter {
  #gl;
  #portrait;
  #pictures;
  #program;
  /** @type {Record<string, WebGLUniformLocation | null>} */
  #uniforms = {};
  #mesh;
  /** @type {WebGLBuffer[]} */
  #buffers = [];
  #indexKind;
  #shift;
  /** One for each layer, once the size is known. @type {WebGLTexture[]} */
  #textures = [];
  #size = 0;

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Portrait} portrait
   * @param {ImageBitmap[]} bitmaps The portrait's pictures, alpha not multiplied in.
   */
  constructor(gl, portrait, bitmaps) {
    this.#gl = gl;
    this.#portrait = portrait;
    this.#pictures = new Pictures(gl, bitmaps);
    this.#program = makeProgram(gl, MESH_VERTEX, MESH_FRAGMENT);
    for (const name of ["shift", "turnX", "turnY", "slide", "origin", "unit", "picture"]) {
      this.#uniforms[name] = gl.getUniformLocation(this.#program, name);
    }
    this.#mesh = this.#makeMesh();
    this.#indexKind =
      portrait.triangles instanceof Uint32Array ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT;
    gl.activeTexture(gl.TEXTURE0 + SHIFT_UNIT);
    this.#shift = makeTexture(gl, gl.NEAREST);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGB32F, LANDMARKS, 1);
    gl.activeTexture(gl.TEXTURE0 + PICTURE_UNIT);
  }

  /**
   * Draw a square picture into the middle of the context's canvas.
   *
   * @param {Float32Array} shift Displacement of each landmark from rest.
   * @param {{turn: number[], slide: number[]}} head
   */
  draw(shift, { turn, slide }) {
    const gl = this.#gl;
    const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
    const size = Math.min(width, height);
    if (size !== this.#size) this.#resize(size);
    gl.viewport(Math.floor((width - size) / 2), Math.floor((height - size) / 2), size, size);
    gl.useProgram(this.#program);
    gl.bindVertexArray(this.#mesh);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    const at = this.#uniforms;
    const { origin, unit, layers, triangles } = this.#portrait;
    gl.uniform1i(at.picture, PICTURE_UNIT);
    gl.uniform1i(at.shift, SHIFT_UNIT);
    gl.uniform3fv(at.turnX, turn.slice(0, 3));
    gl.uniform3fv(at.turnY, turn.slice(3));
    gl.uniform2fv(at.slide, slide);
    gl.uniform2fv(at.origin, origin);
    gl.uniform1f(at.unit, unit);
    gl.activeTexture(gl.TEXTURE0 + SHIFT_UNIT);
    gl.bindTexture(gl.TEXTURE_2D, this.#shift);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, LANDMARKS, 1, gl.RGB, gl.FLOAT, shift);
    gl.activeTexture(gl.TEXTURE0 + PICTURE_UNIT);
    layers.forEach(({ first, count }, n) => {
      gl.bindTexture(gl.TEXTURE_2D, this.#textures[n]);
      const offset = 3 * first * triangles.BYTES_PER_ELEMENT;
      gl.drawElements(gl.TRIANGLES, 3 * count, this.#indexKind, offset);
    });
    gl.bindVertexArray(null);
  }

  /** Free the graphics card's memory. */
  dispose() {
    const gl = this.#gl;
    this.#pictures.dispose();
    gl.deleteProgram(this.#program);
    gl.deleteVertexArray(this.#mesh);
    for (const buffer of this.#buffers) gl.deleteBuffer(buffer);
    for (const texture of [this.#shift, ...this.#textures]) gl.deleteTexture(texture);
  }

  #makeMesh() {
    const gl = this.#gl;
    const mesh = gl.createVertexArray();
    gl.bindVertexArray(mesh);
    ATTRIBUTES.forEach(({ key, numbers, kind }, location) => {
      this.#fill(gl.ARRAY_BUFFER, this.#portrait[key]);
      gl.enableVertexAttribArray(location);
      if (kind === "UNSIGNED_SHORT") gl.vertexAttribIPointer(location, numbers, gl[kind], 0, 0);
      else gl.vertexAttribPointer(location, numbers, gl[kind], false, 0, 0);
    });
    this.#fill(gl.ELEMENT_ARRAY_BUFFER, this.#portrait.triangles);
    gl.bindVertexArray(null);
    return mesh;
  }

  /**
   * @param {number} target
   * @param {ArrayBufferView<ArrayBuffer>} numbers
   */
  #fill(target, numbers) {
    const buffer = this.#gl.createBuffer();
    this.#buffers.push(buffer);
    this.#gl.bindBuffer(target, buffer);
    this.#gl.bufferData(target, numbers, this.#gl.STATIC_DRAW);
  }

  /** @param {number} size Of the picture, in pixels. */
  #resize(size) {
    for (const texture of this.#textures) this.#gl.deleteTexture(texture);
    const pixels = this.#portrait.unit * size;
    this.#textures = this.#portrait.layers.map(({ picture, texels }) =>
      this.#pictures.resample(picture, Math.min((OVERSAMPLING * pixels) / texels, MOST_ENLARGED)),
    );
    this.#size = size;
  }
}
