/** Small helpers for WebGL2. */

import { JamflowError } from "../errors.js";

/**
 * @param {WebGL2RenderingContext} gl
 * @param {string} vertex
 * @param {string} fragment
 * @returns {WebGLProgram}
 */
export function makeProgram(gl, vertex, fragment) {
  const program = gl.createProgram();
  const shaders = [makeShader(gl, gl.VERTEX_SHADER, vertex)];
  shaders.push(makeShader(gl, gl.FRAGMENT_SHADER, fragment));
  for (const shader of shaders) gl.attachShader(program, shader);
  gl.linkProgram(program);
  // They live on as long as the program does.
  for (const shader of shaders) gl.deleteShader(shader);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new JamflowError("not_supported", `WebGL: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {number} kind
 * @param {string} text
 * @returns {WebGLShader}
 */
function makeShader(gl, kind, text) {
  const shader = gl.createShader(kind);
  // There is none when the context was lost just now; it will be restored.
  if (!shader) throw new JamflowError("not_supported", "The WebGL context is lost.");
  gl.shaderSource(shader, text);
  gl.compileShader(shader);
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
    throw new JamflowError("not_supported", `WebGL: ${gl.getShaderInfoLog(shader)}`);
  }
  return shader;
}

/**
 * A texture whose border goes on; bound.
 *
 * @param {WebGL2RenderingContext} gl
 * @param {number} filter gl.LINEAR or gl.NEAREST
 * @returns {WebGLTexture}
 */
export function makeTexture(gl, filter) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  return texture;
}
