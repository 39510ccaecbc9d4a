/** The demo page: connects on load, says what is typed, shows how things stand. */

import { Captions } from "./captions.js";
import { JamflowAvatar, JamflowError } from "./jamflow.js";
import { Choice } from "./page/choice.js";
import { element, explain, title } from "./page/elements.js";
import { Faces } from "./page/faces.js";
import { Figures } from "./page/figures.js";
import { Listening } from "./page/listening.js";
import { startPanel } from "./page/panel.js";

/** @import { Options } from "./jamflow.js" */
/** @import { Connection, ServerEvent, State } from "./types.js" */

const CAPTION_LINGERS_MS = 2_500;
const NOTICE_MS = 7_000;
/** After the person's last word, if nobody answers. */
const ATTENTION_MS = 4_000;

const video = element("avatar", HTMLVideoElement);
const drawing = element("drawing", HTMLCanvasElement);
const cover = element("cover", HTMLElement);
const coverTitle = element("cover-title", HTMLElement);
const coverText = element("cover-text", HTMLElement);
const retry = element("retry", HTMLButtonElement);
const key = element("key", HTMLFormElement);
const token = element("token", HTMLInputElement);
const sound = element("sound", HTMLButtonElement);
const captionText = element("captions", HTMLElement);
const transcript = element("transcript", HTMLElement);
const statusText = element("status-text", HTMLElement);
const composer = element("composer", HTMLFormElement);
const notice = element("notice", HTMLElement);
const suggestions = element("suggestions", HTMLElement);
const text = element("text", HTMLTextAreaElement);
const stop = element("stop", HTMLButtonElement);
const send = element("send", HTMLButtonElement);
const speed = element("speed", HTMLInputElement);
const speedText = element("speed-text", HTMLElement);
const hint = element("transport-hint", HTMLElement);

/** @type {Record<string, {label: string, hint: string, options: Options}>} */
const TRANSPORTS = {
  auto: {
    label: "Automatic",
    hint: "WebRTC, or a WebSocket where the network lets no WebRTC through.",
    options: {},
  },
  webrtc: {
    label: "WebRTC",
    hint: "Sound and pictures over UDP: the quickest way.",
    options: { transport: "webrtc" },
  },
  websocket: {
    label: "WebSocket",
    hint: "One connection through port 443: passes every firewall.",
    options: { transport: "websocket" },
  },
  motion: {
    label: "Drawn here",
    hint: "Voice and motion only, about 10 kB a second; your graphics card draws the face.",
    options: { transport: "websocket", media: "motion", canvas: drawing },
  },
};

const page = document.body.dataset;
const captions = new Captions();
/** What was chosen; in the address, so that a reload and a link keep it. */
const query = new URLSearchParams(location.search);
/** @type {JamflowAvatar} */
let avatar;
/** @type {Figures | undefined} */
let figures;
let captionTimer = 0;
let noticeTimer = 0;
let attentionTimer = 0;

const faces = new Faces({
  choose: (portrait) => void update({ portrait }, "portrait"),
  upload: (image) => avatar.upload(image),
  complain: showNotice,
});
const voices = new Choice(element("voices", HTMLElement), (voice) => {
  void update({ voice }, "voice");
});
const transports = new Choice(element("transports", HTMLElement), (name) => {
  keep("transport", name === "auto" ? "" : name);
  void connect();
});
const listening = new Listening(() => avatar, { begin: soundOn, complain: showNotice });

async function connect() {
  avatar?.close();
  figures?.stop();
  showCover("Waking up", "One moment.", false);
  const name = transports.chosen;
  hint.textContent = TRANSPORTS[name].hint;
  const mine = (avatar = new JamflowAvatar({
    portrait: query.get("portrait") ?? "",
    voice: query.get("voice") ?? "",
    getToken: async () => givenToken(),
    ...TRANSPORTS[name].options,
  }));
  figures = new Figures(mine);
  delete page.drawn;
  drawing.hidden = TRANSPORTS[name].options.media !== "motion";
  listenTo(mine);
  mine.attach(video);
  // For the console, and for tests.
  Object.assign(window, { avatar });
  try {
    await mine.connect();
    await listening.renew();
  } catch (error) {
    if (avatar === mine) showFailure(error);
  }
}

/** @param {JamflowAvatar} mine */
function listenTo(mine) {
  const stopWaiting = mine.on("motion", ({ drawn }) => {
    if (!drawn) return;
    page.drawn = "";
    stopWaiting();
    hideCover();
  });
  mine.on("connection", (connection) => {
    if (avatar === mine) showConnection(connection);
  });
  mine.on("session.created", showSession);
  mine.on("session.updated", showSession);
  mine.on("session.expiring", ({ reason, seconds }) => {
    const why = reason === "idle" ? "Nobody has spoken for a while" : "Time is nearly up";
    showNotice(`${why}: this session ends in ${Math.round(seconds)} seconds.`);
  });
  mine.on("session.closed", ({ reason }) => {
    page.ended = reason;
  });
  mine.on("avatar.state_changed", ({ state }) => showState(state));
  mine.on("response.output_audio_transcript.delta", showWord);
  mine.on("response.done", () => {
    announce(captions.finish());
    fadeCaptions();
  });
  mine.on("input_audio_buffer.speech_started", () => {
    clearTimeout(attentionTimer);
    listening.hear(true);
  });
  mine.on("input_audio_buffer.speech_stopped", () => {
    listening.hear(false);
    // Nobody here has an answer; a face that thinks for ever looks lost.
    attentionTimer = window.setTimeout(() => {
      if (page.state === "thinking") mine.idle();
    }, ATTENTION_MS);
  });
  mine.on("error", ({ message, event_id }) => {
    // Those about a sentence of ours arrive through its promise.
    if (!event_id) showNotice(message);
  });
}

/** @returns {string | null} Behind the hash, where no server's log sees it. */
function givenToken() {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

/** @param {unknown} error */
function showFailure(error) {
  const code = error instanceof JamflowError ? error.code : "";
  if (code === "not_authorized") {
    if (givenToken()) showCover("The token was refused", explain(error), true);
    else showCover("This avatar is private", "A token opens it.", true);
    retry.hidden = true;
    key.hidden = false;
    token.focus();
    return;
  }
  const full = code === "overloaded";
  showCover(full ? "All places are taken" : "No connection", explain(error), true);
}

/** @param {Connection} connection */
function showConnection(connection) {
  page.connection = connection;
  if (connection === "connecting") delete page.ended;
  if (connection === "reconnecting") {
    showState("idle");
    showCover("The connection was lost", "Trying to come back …", false);
  }
  if (connection === "failed") {
    showState("idle");
    const { failure } = avatar;
    if (failure instanceof JamflowError && failure.code === "not_authorized") showFailure(failure);
    else showCover("The connection was lost", "The server may have been stopped.", true);
  }
  if (connection === "closed" && page.ended) {
    showCover("The session has ended", "It waits no longer than it has to.", true);
  }
  const shown = drawing.hidden ? video.readyState >= 2 : page.drawn !== undefined;
  if (connection === "connected" && shown) hideCover();
  // A connection that is changed by choice takes the microphone along.
  if (connection === "failed" || (connection === "closed" && page.ended)) listening.stop();
  showStatus();
}

/** @param {ServerEvent} event */
function showSession({ portraits, portrait = "", voices: names, voice = "", scopes, badge }) {
  // Only the greeting tells of it; changes say nothing.
  if (badge !== undefined) element("made", HTMLElement).hidden = !badge;
  if (portraits) {
    faces.show(portraits, portrait, scopes === undefined || scopes.includes("upload"));
  } else if (portrait) {
    faces.mark(portrait);
  }
  for (const name of names ?? []) voices.add(name, title(name));
  if (voice) voices.mark(voice);
  element("voices-section", HTMLElement).hidden = !voices.values.length;
}

/** @param {State} state */
function showState(state) {
  page.state = state;
  if (state === "speaking") figures?.answer();
  showStatus();
}

function showStatus() {
  const busy = page.state === "speaking" || page.state === "thinking";
  const states = { idle: "Ready", listening: "Listening", thinking: "Thinking", speaking: "Speaking" };
  /** @type {Record<string, string>} */
  const names = { connecting: "Connecting", reconnecting: "Reconnecting" };
  const connected = page.connection === "connected";
  statusText.textContent = connected
    ? states[/** @type {State} */ (page.state ?? "idle")]
    : (names[page.connection ?? ""] ?? "Offline");
  stop.disabled = !connected || !busy;
  send.disabled = !connected || !text.value.trim();
  listening.enable(connected);
}

/**
 * @param {string} heading
 * @param {string} message
 * @param {boolean} stuck Whether only the person can help now.
 */
function showCover(heading, message, stuck) {
  coverTitle.textContent = heading;
  coverText.textContent = message;
  retry.hidden = !stuck;
  key.hidden = true;
  cover.classList.toggle("stuck", stuck);
  cover.classList.remove("gone");
  sound.hidden = true;
}

function hideCover() {
  cover.classList.add("gone");
  showSound();
}

function showSound() {
  sound.hidden = false;
  sound.setAttribute("aria-pressed", String(!video.muted));
  sound.setAttribute("aria-label", video.muted ? "Turn sound on" : "Turn sound off");
}

/** Typing and the microphone's button are gestures: sound is allowed, and wanted, from there on. */
function soundOn() {
  if (video.muted) video.muted = false;
  showSound();
}

/** @param {{response_id: string, delta: string}} event */
function showWord(event) {
  announce(captions.add(event));
  captionText.textContent = captions.text;
  captionText.classList.add("shown");
  clearTimeout(captionTimer);
}

/** @param {string | null} sentence */
function announce(sentence) {
  if (sentence) transcript.textContent = sentence;
}

function fadeCaptions() {
  clearTimeout(captionTimer);
  captionTimer = window.setTimeout(() => {
    captionText.classList.remove("shown");
  }, CAPTION_LINGERS_MS);
}

/** @param {string} message */
function showNotice(message) {
  notice.textContent = message;
  notice.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => (notice.hidden = true), NOTICE_MS);
}

/**
 * @param {string} name
 * @param {string} value Empty for the default.
 */
function keep(name, value) {
  if (value) query.set(name, value);
  else query.delete(name);
  const rest = query.toString();
  history.replaceState(null, "", `${location.pathname}${rest && `?${rest}`}${location.hash}`);
}

/**
 * @param {{voice?: string, portrait?: string, speed?: number}} changes
 * @param {"voice" | "portrait" | null} kept
 */
async function update(changes, kept) {
  const { portraits = [] } = avatar.session ?? {};
  try {
    await avatar.update(changes);
    const value = kept && changes[kept];
    // A photograph of one's own is gone with its session.
    const known = kept !== "portrait" || portraits.includes(value ?? "");
    if (kept && value && known) keep(kept, value);
  } catch (error) {
    showNotice(explain(error));
    if (avatar.session) showSession(avatar.session);
  }
}

/** @param {string} sentence */
async function say(sentence) {
  notice.hidden = true;
  soundOn();
  if (page.state !== "speaking") figures?.ask();
  try {
    const { status } = await avatar.say(sentence);
    if (status === "cancelled") fadeCaptions();
  } catch (error) {
    figures?.forget();
    showNotice(explain(error));
  }
}

function interrupt() {
  // A connection that ends meanwhile has stopped it too.
  avatar.interrupt().catch(() => {});
  figures?.forget();
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
  if (event.key === "Escape" && !stop.disabled) interrupt();
});
stop.addEventListener("click", () => {
  interrupt();
  // On a phone the keyboard would come up.
  if (matchMedia("(hover: hover)").matches) text.focus();
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
speed.addEventListener("input", () => {
  speedText.textContent = `${Number(speed.value).toFixed(2).replace(/0$/, "")}×`;
});
speed.addEventListener("change", () => void update({ speed: Number(speed.value) }, null));
retry.addEventListener("click", () => void connect());
key.addEventListener("submit", (event) => {
  event.preventDefault();
  const behind = new URLSearchParams({ token: token.value.trim() });
  history.replaceState(null, "", `${location.pathname}${location.search}#${behind}`);
  token.value = "";
  void connect();
});
// A link with another token, opened here.
addEventListener("hashchange", () => void connect());
video.addEventListener("playing", () => {
  // What is drawn here shows when it is drawn.
  if (drawing.hidden && avatar.connection !== "reconnecting") hideCover();
});
// A page that is left has freed its place, also when it comes back from the browser's memory.
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) void connect();
});

startPanel();
for (const [name, { label }] of Object.entries(TRANSPORTS)) transports.add(name, label);
const wanted = query.get("transport") ?? "auto";
transports.mark(wanted in TRANSPORTS ? wanted : "auto");
void connect();
if (matchMedia("(hover: hover)").matches) text.focus();
