/** Choosing a face: those of the server, and a photograph of one's own. */

import { Choice } from "./choice.js";
import { element, explain, title } from "./elements.js";

/** Pixels of a side of the small pictures. */
const SIZE = 160;
const UPLOAD_ICON = "M12 16V5.5M7.5 10 12 5.5 16.5 10M5 18.5h14";

/** The choice of faces. */
export class Faces {
  #choice;
  #add = uploadButton();
  #photo = element("photo", HTMLInputElement);
  #section = element("faces-section", HTMLElement);

  /**
   * @param {object} actions
   * @param {(portrait: string) => void} actions.choose
   * @param {(image: Blob) => Promise<string>} actions.upload
   * @param {(message: string) => void} actions.complain
   */
  constructor({ choose, upload, complain }) {
    const group = element("faces", HTMLElement);
    this.#choice = new Choice(group, choose);
    group.append(this.#add);
    this.#add.addEventListener("click", () => this.#photo.click());
    this.#photo.addEventListener("change", async () => {
      const file = this.#photo.files?.[0];
      this.#photo.value = "";
      if (!file) return;
      this.#busy(true);
      try {
        const name = await upload(file);
        this.#choice.add(name, "Your photo", [await thumbnail(file)]);
        this.#choice.mark(name);
        choose(name);
      } catch (error) {
        complain(explain(error));
      } finally {
        this.#busy(false);
      }
    });
  }

  /**
   * @param {string[]} names
   * @param {string} chosen
   * @param {boolean} uploads Whether photographs are taken.
   */
  show(names, chosen, uploads) {
    for (const name of this.#choice.values) if (!names.includes(name)) this.#choice.remove(name);
    for (const name of names) this.#choice.add(name, title(name), [picture(name)]);
    this.#choice.mark(chosen);
    this.#add.hidden = !uploads;
    this.#section.hidden = names.length < 2 && !uploads;
  }

  /** @param {string} name */
  mark(name) {
    this.#choice.mark(name);
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#add.disabled = busy;
    this.#add.classList.toggle("busy", busy);
  }
}

/** @returns {HTMLButtonElement} */
function uploadButton() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "upload";
  button.title = "A photograph of one face that looks into the camera";
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", UPLOAD_ICON);
  icon.append(path);
  const label = document.createElement("span");
  label.textContent = "Your photo";
  button.append(icon, label);
  return button;
}

/**
 * The small picture of a portrait that ships; its initial for others.
 *
 * @param {string} name
 * @returns {HTMLElement}
 */
function picture(name) {
  const image = document.createElement("img");
  image.alt = "";
  image.width = image.height = SIZE;
  image.src = new URL(`../faces/${encodeURIComponent(name)}.webp`, import.meta.url).href;
  image.addEventListener("error", () => {
    const initial = document.createElement("b");
    initial.textContent = title(name).slice(0, 1);
    image.replaceWith(initial);
  });
  return image;
}

/**
 * @param {Blob} file
 * @returns {Promise<HTMLCanvasElement>} The middle of the picture.
 */
async function thumbnail(file) {
  const bitmap = await createImageBitmap(file);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const side = Math.min(bitmap.width, bitmap.height);
  const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 3];
  canvas.getContext("2d")?.drawImage(bitmap, left, top, side, side, 0, 0, SIZE, SIZE);
  bitmap.close();
  return canvas;
}
