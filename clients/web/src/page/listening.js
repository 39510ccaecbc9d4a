/** The microphone button: the avatar hears the person, and stops when interrupted. */

import { element, explain } from "./elements.js";

/** @import { JamflowAvatar, Microphone } from "../jamflow.js" */

/** RMS of a loud voice. */
const LOUD = 0.12;

const button = element("microphone", HTMLButtonElement);
const live = element("live", HTMLElement);
const liveText = element("live-text", HTMLElement);

/** The microphone of the page. */
export class Listening {
  /** @type {Microphone | null} */
  #microphone = null;
  #meter = 0;
  #avatar;

  /**
   * @param {() => JamflowAvatar} avatar The one of now.
   * @param {object} actions
   * @param {() => void} actions.begin The person wants to talk.
   * @param {(message: string) => void} actions.complain
   */
  constructor(avatar, { begin, complain }) {
    this.#avatar = avatar;
    button.addEventListener("click", async () => {
      if (this.#microphone) return this.stop();
      button.disabled = true;
      begin();
      try {
        this.#microphone = await avatar().pushAudio("microphone", { purpose: "hear" });
        this.#show(true);
      } catch (error) {
        complain(explain(error));
      } finally {
        button.disabled = avatar().connection !== "connected";
      }
    });
  }

  /** @param {boolean} speaking Whether the person speaks. */
  hear(speaking) {
    live.classList.toggle("speaking", speaking);
    liveText.textContent = speaking ? "Listening to you" : "It hears you";
  }

  /** @param {boolean} possible */
  enable(possible) {
    button.disabled = !possible;
  }

  stop() {
    this.#microphone?.stop();
    this.#microphone = null;
    this.#show(false);
  }

  /** After a connection of one's own will: the microphone goes on with the new one. */
  async renew() {
    if (!this.#microphone) return;
    this.#microphone.stop();
    this.#microphone = null;
    this.#microphone = await this.#avatar()
      .pushAudio("microphone", { purpose: "hear" })
      .catch(() => null);
    this.#show(this.#microphone !== null);
  }

  /** @param {boolean} on */
  #show(on) {
    cancelAnimationFrame(this.#meter);
    button.setAttribute("aria-pressed", String(on));
    button.setAttribute("aria-label", on ? "Turn the microphone off" : "Microphone");
    button.style.removeProperty("--level");
    live.hidden = !on;
    this.hear(false);
    if (on) this.#measure();
  }

  #measure() {
    this.#meter = requestAnimationFrame(() => this.#measure());
    const level = Math.min(1, (this.#microphone?.level ?? 0) / LOUD);
    button.style.setProperty("--level", level.toFixed(2));
  }
}
