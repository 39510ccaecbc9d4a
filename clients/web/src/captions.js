/** Captions from the words' times: a line or two that reads as under a film. */

/** Characters of a caption before a new one begins: two lines of a phone. */
const LONGEST = 64;

/** What stands under the face now, and the sentences that are complete. */
export class Captions {
  /** The response that speaks. */
  #response = "";
  /** @type {string[]} */
  #words = [];
  /** @type {string[]} */
  #sentence = [];

  /** @returns {string} What to show. */
  get text() {
    return this.#words.join(" ");
  }

  /**
   * A word begins to be heard.
   *
   * @param {{response_id?: string, delta?: string}} event
   * @returns {string | null} A sentence that is complete by this word, for those who listen to a
   *   screen reader: word by word is no way to read.
   */
  add({ response_id = "", delta = "" }) {
    const word = delta.trim();
    if (!word) return null;
    const before = this.#words.at(-1) ?? "";
    const long = this.text.length + word.length >= LONGEST;
    if (response_id !== this.#response || ends(before) || long) this.#words = [];
    if (response_id !== this.#response) this.#sentence = [];
    this.#response = response_id;
    this.#words.push(word);
    this.#sentence.push(word);
    return ends(word) ? this.finish() : null;
  }

  /** @returns {string | null} What is left of a sentence when its response ends. */
  finish() {
    const sentence = this.#sentence.splice(0).join(" ");
    return sentence || null;
  }

  /** Nothing is shown any more. */
  clear() {
    this.#words = [];
    this.#sentence = [];
  }
}

/**
 * Whether a sentence ends after the word.
 *
 * @param {string} word
 * @returns {boolean}
 */
function ends(word) {
  return /[.!?…]["'”’)\]]*$/.test(word) && !/^(?:Mr|Mrs|Ms|Dr|St|Prof)\.$/.test(word);
}
