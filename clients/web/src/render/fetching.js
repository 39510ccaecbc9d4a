/** What the server has for those who draw. */

import { JamflowError, refusal } from "../errors.js";
import { MotionSpace } from "./motion_space.js";
import { Portrait } from "./portrait.js";

/**
 * @typedef {object} Source
 * @property {string} [baseUrl] The server's address; default: where the page came from.
 * @property {string} [portrait] A name, or what an upload was answered with; default: the server's.
 * @property {AbortSignal} [signal] Aborts the fetching.
 */

/**
 * @param {Source} source
 * @returns {Promise<{portrait: Portrait, motion: MotionSpace}>}
 */
export async function fetchDrawing({ baseUrl = "", portrait, signal }) {
  const root = new URL(`${baseUrl.replace(/\/$/, "")}/v1/`, globalThis.document?.baseURI);
  /** @param {string} path */
  const get = (path) => fetchOk(new URL(path, root), signal);
  const space = get("motion-space").then(async (answer) => answer.arrayBuffer());
  // Should the portrait fail first, this one may fail later, unheard.
  space.catch(() => {});
  const name = portrait || (await (await get("portraits")).json()).portraits[0];
  const pack = await get(`portraits/${encodeURIComponent(name)}/pack.safetensors`);
  return { portrait: new Portrait(await pack.arrayBuffer()), motion: new MotionSpace(await space) };
}

/**
 * @param {URL} url
 * @param {AbortSignal} [signal]
 */
async function fetchOk(url, signal) {
  let answer;
  try {
    answer = await fetch(url, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new JamflowError("connection", "The server does not answer.");
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}
