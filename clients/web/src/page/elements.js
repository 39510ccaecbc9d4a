/** The page's elements, checked. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is missing from the page`);
  return found;
}

/**
 * @param {string} name As the server calls it, "fable" or "af_heart".
 * @returns {string} As a person would write it.
 */
export function title(name) {
  return name.replace(/[_-]+/g, " ").replace(/(^|\s)\p{L}/gu, (letter) => letter.toUpperCase());
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function explain(error) {
  return error instanceof Error ? error.message : String(error);
}
