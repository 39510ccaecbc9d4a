/** A group of buttons of which one is chosen; the arrow keys move, as among radio buttons. */
export class Choice {
  #group;
  #choose;
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();
  #chosen = "";

  /**
   * @param {HTMLElement} group Has role "radiogroup".
   * @param {(value: string) => void} choose Is told when another one is chosen by hand.
   */
  constructor(group, choose) {
    this.#group = group;
    this.#choose = choose;
    group.addEventListener("keydown", (event) => this.#move(event));
  }

  /** @returns {string} */
  get chosen() {
    return this.#chosen;
  }

  /** @returns {string[]} */
  get values() {
    return [...this.#buttons.keys()];
  }

  /**
   * @param {string} value
   * @param {string} label
   * @param {Node[]} [content] Shown instead of the label.
   */
  add(value, label, content = [document.createTextNode(label)]) {
    if (this.#buttons.has(value)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.setAttribute("aria-label", label);
    button.append(...content);
    button.addEventListener("click", () => this.#pick(value));
    // What is not a choice (a button that adds one) stays at the end.
    this.#group.insertBefore(button, this.#group.querySelector(":scope > :not([role=radio])"));
    this.#buttons.set(value, button);
    this.mark(this.#chosen);
  }

  /** @param {string} value */
  remove(value) {
    this.#buttons.get(value)?.remove();
    this.#buttons.delete(value);
  }

  /**
   * Show which one is chosen, without telling of it.
   *
   * @param {string} value
   */
  mark(value) {
    this.#chosen = value;
    const known = this.#buttons.has(value);
    for (const [each, button] of this.#buttons) {
      button.setAttribute("aria-checked", String(each === value));
      const first = !known && button === this.#buttons.values().next().value;
      button.tabIndex = each === value || first ? 0 : -1;
    }
  }

  /** @param {string} value */
  #pick(value) {
    if (value === this.#chosen) return;
    this.mark(value);
    this.#choose(value);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    const values = this.values;
    const at = values.findIndex((value) => this.#buttons.get(value) === document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const value = values[(at + step + values.length) % values.length];
    this.#buttons.get(value)?.focus();
    this.#pick(value);
  }
}
