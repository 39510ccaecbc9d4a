/** The server of an avatar: where it is, who may use it, and what it has besides sessions. */

import { JamflowError, refusal } from "./errors.js";

/** @import { Grant, Options } from "./types.js" */

/** What a JSON Web Token is written in. Others fit neither a header nor a sub-protocol. */
const TOKEN = /^[\w.-]+$/;

/** Asks by HTTP; each answer that is no success rejects with a JamflowError. */
export class Server {
  #url;
  #token;
  #getToken;

  /** @param {Options} options */
  constructor({ url, token, getToken }) {
    this.#url = url ?? "/";
    this.#token = token ?? null;
    this.#getToken = getToken;
  }

  /** @returns {URL} Its address; ends in a slash. */
  get base() {
    // An address that ends in /whep was what earlier versions asked for.
    const given = this.#url.replace(/\/whep\/?$/, "/");
    return new URL(given.endsWith("/") ? given : `${given}/`, document.baseURI);
  }

  /** @returns {Promise<Grant>} */
  async grant() {
    const given = this.#getToken ? await this.#getToken() : this.#token;
    const grant = given !== null && typeof given === "object" ? given : { token: given };
    if (grant.token && !TOKEN.test(grant.token)) {
      throw new JamflowError("not_authorized", "This is no token: it has letters that none has.");
    }
    return grant;
  }

  /** @returns {Promise<{portraits: string[], voices: string[]}>} */
  async portraits() {
    return await this.#request("v1/portraits", {});
  }

  /**
   * @param {Blob} image
   * @returns {Promise<string>} The portrait's name.
   */
  async upload(image) {
    const headers = { "Content-Type": image.type || "application/octet-stream" };
    const request = { method: "POST", headers, body: image };
    const { portrait } = await this.#request("v1/portraits", request);
    return portrait;
  }

  /**
   * @param {string} path
   * @param {RequestInit} request
   * @returns {Promise<any>} The answer's JSON.
   */
  async #request(path, request) {
    const { token } = await this.grant();
    const headers = new Headers(request.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    let response;
    try {
      response = await fetch(new URL(path, this.base), { ...request, headers });
    } catch {
      throw new JamflowError("connection", "The server does not answer.");
    }
    if (!response.ok) throw await refusal(response);
    return await response.json();
  }
}
