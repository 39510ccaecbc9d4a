/** The settings: beside the avatar where there is room, else a sheet over the page. */

import { element } from "./elements.js";

const panel = element("panel", HTMLElement);
const opener = element("panel-open", HTMLButtonElement);
const closer = element("panel-close", HTMLButtonElement);
const shade = element("shade", HTMLElement);
/** As in style.css. */
const beside = matchMedia("(min-width: 1000px)");

let open = false;

/** @param {boolean} wanted */
function show(wanted) {
  open = wanted;
  const sheet = !beside.matches;
  document.body.classList.toggle("panel-open", open && sheet);
  opener.setAttribute("aria-expanded", String(open));
  // What cannot be seen cannot be reached by the keyboard either.
  panel.inert = sheet && !open;
}

/** From now on the buttons work. */
export function startPanel() {
  opener.addEventListener("click", () => {
    show(!open);
    if (open) closer.focus();
  });
  const close = () => {
    show(false);
    opener.focus();
  };
  closer.addEventListener("click", close);
  shade.addEventListener("click", close);
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      close();
    }
  });
  beside.addEventListener("change", () => show(false));
  show(false);
}
