// @ts-check
/** The demo page: connects on load, says what is typed, shows how things stand. */

import { JamflowAvatar, JamflowError } from "/static/jamflow.js";

/** Words a caption holds before the oldest make room. */
const CAPTION_WORDS = 16;
const CAPTION_LINGERS_MS = 2500;
const NOTICE_MS = 7000;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is missing from the page`);
  return found;
}

const video = element("avatar", HTMLVideoElement);
const cover = element("cover", HTMLElement);
const coverTitle = element("cover-title", HTMLElement);
const coverText = element("cover-text", HTMLElement);
const retry = element("retry", HTMLButtonElement);
const sound = element("sound", HTMLButtonElement);
const captions = element("captions", HTMLElement);
const statusText = element("status-text", HTMLElement);
const composer = element("composer", HTMLFormElement);
const notice = element("notice", HTMLElement);
const suggestions = element("suggestions", HTMLElement);
const text = element("text", HTMLTextAreaElement);
const stop = element("stop", HTMLButtonElement);
const send = element("send", HTMLButtonElement);

const page = document.body.dataset;
const query = new URLSearchParams(location.search);
/** @type {JamflowAvatar} */
let avatar;
/** @type {string[]} */
let words = [];
/** The response the captions belong to. */
let captioned = "";
let captionTimer = 0;
let noticeTimer = 0;

async function connect() {
  showCover("Waking up", "One moment.", false);
  avatar = new JamflowAvatar({
    portrait: query.get("portrait") ?? "",
    voice: query.get("voice") ?? "",
  });
  avatar.on("connection", showConnection);
  avatar.on("avatar.state_changed", ({ state }) => showState(state));
  avatar.on("response.output_audio_transcript.delta", showWord);
  avatar.on("response.done", () => fadeCaptions());
  avatar.on("error", ({ message, event_id }) => {
    // Those about a sentence of ours arrive through its promise.
    if (!event_id) showNotice(message);
  });
  avatar.attach(video);
  // For the console, and for tests.
  Object.assign(window, { avatar });
  try {
    await avatar.connect();
  } catch (error) {
    const full = error instanceof JamflowError && error.code === "overloaded";
    const message = error instanceof Error ? error.message : String(error);
    showCover(full ? "All places are taken" : "No connection", message, true);
  }
}

/** @param {import("./jamflow.js").Connection} connection */
function showConnection(connection) {
  page.connection = connection;
  if (connection === "failed") {
    showState("idle");
    showCover("The connection was lost", "The server may have been stopped.", true);
  }
  showStatus();
}

/** @param {"idle" | "listening" | "thinking" | "speaking"} state */
function showState(state) {
  page.state = state;
  showStatus();
}

function showStatus() {
  const busy = page.state === "speaking" || page.state === "thinking";
  const states = { idle: "Ready", listening: "Listening", thinking: "Thinking", speaking: "Speaking" };
  const names = { connecting: "Connecting", failed: "Offline", closed: "Offline", new: "Offline" };
  const connected = page.connection === "connected";
  statusText.textContent = connected
    ? states[/** @type {keyof typeof states} */ (page.state ?? "idle")]
    : names[/** @type {keyof typeof names} */ (page.connection ?? "new")];
  stop.disabled = !connected || !busy;
  send.disabled = !connected || !text.value.trim();
}

/**
 * @param {string} title
 * @param {string} message
 * @param {boolean} stuck Whether only the person can help now.
 */
function showCover(title, message, stuck) {
  coverTitle.textContent = title;
  coverText.textContent = message;
  retry.hidden = !stuck;
  cover.classList.toggle("stuck", stuck);
  cover.classList.remove("gone");
  sound.hidden = true;
}

function showSound() {
  sound.hidden = false;
  sound.setAttribute("aria-pressed", String(!video.muted));
  element("sound-text", HTMLElement).textContent = "Tap for sound";
  sound.setAttribute("aria-label", video.muted ? "Turn sound on" : "Turn sound off");
}

/** @param {{response_id: string, delta: string}} event */
function showWord({ response_id, delta }) {
  if (response_id !== captioned) words = [];
  captioned = response_id;
  words = [...words, delta].slice(-CAPTION_WORDS);
  captions.textContent = words.join(" ");
  captions.classList.add("shown");
  clearTimeout(captionTimer);
}

function fadeCaptions() {
  clearTimeout(captionTimer);
  captionTimer = window.setTimeout(() => captions.classList.remove("shown"), CAPTION_LINGERS_MS);
}

/** @param {string} message */
function showNotice(message) {
  notice.textContent = message;
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => (notice.hidden = true), NOTICE_MS);
}

/** @param {string} sentence */
async function say(sentence) {
  notice.hidden = true;
  // Typing was a gesture: sound is allowed from here on.
  if (video.muted) video.muted = false;
  showSound();
  try {
    const { status } = await avatar.say(sentence);
    if (status === "cancelled") fadeCaptions();
  } catch (error) {
    showNotice(error instanceof Error ? error.message : String(error));
  }
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  const sentence = text.value.trim();
  if (!sentence || avatar.connection !== "connected") return;
  text.value = "";
  showStatus();
  void say(sentence);
});

text.addEventListener("input", showStatus);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    composer.requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !stop.disabled) avatar.interrupt();
});
stop.addEventListener("click", () => {
  avatar.interrupt();
  text.focus();
});
suggestions.addEventListener("click", ({ target }) => {
  if (!(target instanceof HTMLButtonElement)) return;
  text.value = target.textContent ?? "";
  composer.requestSubmit();
});
sound.addEventListener("click", () => {
  video.muted = !video.muted;
  showSound();
});
retry.addEventListener("click", () => void connect());
video.addEventListener("playing", () => {
  cover.classList.add("gone");
  showSound();
});
// A page that is left frees its place; one that comes back from the browser's memory reconnects.
addEventListener("pagehide", () => avatar.close());
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) void connect();
});

void connect();
if (matchMedia("(hover: hover)").matches) text.focus();
