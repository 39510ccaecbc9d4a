import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

/** @import { JamflowAvatar } from "../src/jamflow.js" */

/** A socket without a network. */
class FakeSocket {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 3;
  /** @type {FakeSocket[]} */
  static all = [];
  readyState = FakeSocket.OPEN;
  bufferedAmount = 0;
  /** The code that this side closed it with. @type {number | null} */
  left = null;
  binaryType = "blob";
  /** @type {any[]} */
  sent = [];
  /** @type {(event: {data: any}) => void} */
  onmessage = () => {};
  /** @type {(event: {code: number, reason: string}) => void} */
  onclose = () => {};

  /** @param {URL} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  /** @param {any} message */
  send(message) {
    this.sent.push(message);
  }

  /** @param {number} [code] @param {string} [reason] */
  close(code, reason = "") {
    this.left ??= code ?? null;
    this.end(code, reason);
  }

  /** @param {number} [code] @param {string} [reason] */
  end(code = 1006, reason = "") {
    this.readyState = FakeSocket.CLOSED;
    queueMicrotask(() => this.onclose({ code, reason }));
  }

  /** @param {object} event */
  tell(event) {
    this.onmessage({ data: JSON.stringify(event) });
  }

  /** @returns {any[]} */
  get events() {
    return this.sent.filter((each) => typeof each === "string").map((each) => JSON.parse(each));
  }
}

class FakeTrack {
  kind = "audio";
  stop() {}
}

class FakeStream {
  /** @type {Set<any>} */
  #tracks = new Set();
  getTracks() {
    return [...this.#tracks];
  }
  getAudioTracks() {
    return [new FakeTrack()];
  }
  /** @param {any} track */
  addTrack(track) {
    this.#tracks.add(track);
  }
  /** @param {any} track */
  removeTrack(track) {
    this.#tracks.delete(track);
  }
}

class FakeNode {
  port = { postMessage() {}, onmessage: null };
  gain = { setTargetAtTime() {} };
  stream = new FakeStream();
  /** @param {any} other */
  connect(other) {
    return other;
  }
  disconnect() {}
}

class FakeContext {
  state = "suspended";
  currentTime = 0;
  audioWorklet = { addModule: async () => {} };
  async resume() {}
  async close() {}
}

class FakeDecoder {
  state = "configured";
  configure() {}
  close() {
    this.state = "closed";
  }
}

const fakes = {
  WebSocket: FakeSocket,
  AudioContext: FakeContext,
  AudioWorkletNode: FakeNode,
  GainNode: FakeNode,
  MediaStreamAudioDestinationNode: FakeNode,
  AudioDecoder: FakeDecoder,
  MediaStream: FakeStream,
  HTMLMediaElement: class {},
  document: { baseURI: "https://avatar.example/page/" },
  isSecureContext: true,
  requestAnimationFrame: () => 0,
  cancelAnimationFrame: () => {},
  reportError: (/** @type {unknown} */ error) => {
    throw error;
  },
  addEventListener: () => {},
};
for (const [name, value] of Object.entries(fakes)) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}
const { JamflowAvatar: Avatar } = await import("../src/jamflow.js");

const GREETING = {
  type: "session.created",
  session_id: "s1",
  max_text: 5000,
  resume_token: "come-back",
  voices: ["heart"],
  portraits: ["mara"],
};

/** Let promises that can go on go on. */
async function settle() {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

/** @param {number} [index] */
const socket = (index = -1) => /** @type {FakeSocket} */ (FakeSocket.all.at(index));

/** @type {JamflowAvatar} */
let avatar;

beforeEach(() => {
  FakeSocket.all = [];
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => {
  avatar.close();
  mock.timers.reset();
});

/** @param {object} [options] */
async function connected(options = {}) {
  avatar = new Avatar({ url: "https://avatar.example/room/", media: "audio", ...options });
  const connecting = avatar.connect();
  await settle();
  socket().tell(GREETING);
  await connecting;
}

test("the token travels as a sub-protocol, the wishes in the address", async () => {
  await connected({ voice: "heart", portrait: "mara", getToken: async () => "a.b.c" });
  assert.deepEqual(socket().protocols, ["jamflow.v1", "bearer.a.b.c"]);
  assert.equal(socket().url.href, "wss://avatar.example/room/v1/realtime?media=audio&portrait=mara&voice=heart");
  assert.equal(avatar.connection, "connected");
  assert.equal(avatar.transport, "websocket");
  assert.deepEqual(avatar.session?.voices, ["heart"]);
});

test("each method is its event", async () => {
  await connected();
  avatar.say("Hello.", { mode: "interrupt" }).catch(() => {});
  avatar.listen();
  avatar.idle();
  avatar.pause();
  avatar.resume();
  avatar.update({ voice: "heart", speed: 1.2 }).catch(() => {});
  avatar.truncate("r1", 1234.4);
  avatar.clearAudio();
  avatar.commitAudio();
  assert.deepEqual(
    socket().events.map(({ event_id, ...event }) => event),
    [
      { type: "response.create", input: "Hello.", mode: "interrupt" },
      { type: "avatar.state", state: "listening" },
      { type: "avatar.state", state: "idle" },
      { type: "avatar.pause" },
      { type: "avatar.resume" },
      { type: "session.update", voice: "heart", speed: 1.2 },
      { type: "conversation.item.truncate", item_id: "r1", content_index: 0, audio_end_ms: 1234 },
      { type: "input_audio_buffer.clear" },
      { type: "input_audio_buffer.commit" },
    ],
  );
});

test("an update resolves with how things stand, or rejects with why not", async () => {
  await connected();
  const wanted = avatar.update({ voice: "heart" });
  const unwanted = avatar.update({ voice: "nobody" });
  const [, second] = socket().events;
  socket().tell({ type: "session.updated", voice: "heart" });
  socket().tell({ type: "error", code: "invalid_input", message: "No.", event_id: second.event_id });
  assert.equal((await wanted).voice, "heart");
  await assert.rejects(unwanted, { code: "invalid_input" });
});

test("samples become binary frames at 24,000 a second, the microphone's marked", async () => {
  await connected();
  await avatar.pushAudio(new Int16Array(9600).fill(100));
  await avatar.pushAudio(new Float32Array(4800), { rate: 48_000, purpose: "hear" });
  const frames = socket().sent.map((each) => new Uint8Array(each));
  assert.deepEqual(frames.slice(0, 2).map((frame) => [frame[0], frame[1], frame.length]), [
    [4, 0, 16 + 9600],
    [4, 0, 16 + 9600],
  ]);
  assert.deepEqual([frames[2][0], frames[2][1]], [4, 1]);
  await assert.rejects(avatar.pushAudio(/** @type {any} */ ("noise")), { code: "invalid_input" });
});

test("a text that is interrupted at the server is closed there", async () => {
  await connected();
  const text = avatar.sayStream();
  assert.throws(() => avatar.sayStream(), { code: "wrong_order" });
  text.write("One ");
  const [{ event_id }] = socket().events;
  socket().tell({ type: "response.created", response_id: "r1", event_id });
  socket().tell({ type: "response.done", response_id: "r1", status: "cancelled" });
  assert.deepEqual(socket().events.map(({ type }) => type), ["input_text.append", "input_text.done"]);
  assert.equal(text.write("two"), false);
  assert.equal((await text.end()).status, "cancelled");
});

test("a text that is interrupted here is closed by the cancellation", async () => {
  await connected();
  const text = avatar.sayStream();
  text.write("One ");
  const broken = avatar.interrupt();
  const [{ event_id }] = socket().events;
  socket().tell({ type: "response.created", response_id: "r1", event_id });
  socket().tell({ type: "response.done", response_id: "r1", status: "cancelled", spoken_text: "One" });
  assert.equal((await broken)?.spokenText, "One");
  assert.deepEqual(socket().events.map(({ type }) => type), ["input_text.append", "response.cancel"]);
});

test("a socket that is lost comes back to its session, and nothing that was asked is lost", async () => {
  await connected();
  const seen = /** @type {string[]} */ ([]);
  avatar.on("connection", (state) => seen.push(state));
  const said = avatar.say("Hello.");
  const [{ event_id }] = socket().events;
  socket().tell({ type: "response.created", response_id: "r1", event_id });
  socket().end(1006);
  await settle();
  assert.equal(avatar.connection, "reconnecting");
  assert.throws(() => avatar.listen(), { code: "connection" });
  mock.timers.tick(400);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  const { searchParams } = socket().url;
  assert.deepEqual([searchParams.get("resume"), searchParams.get("received")], ["come-back", "2"]);
  socket().tell({ ...GREETING, resumed: true, resume_token: "again" });
  socket().tell({ type: "response.done", response_id: "r1", status: "completed" });
  await settle();
  assert.equal((await said).status, "completed");
  assert.deepEqual(seen, ["reconnecting", "connected"]);
  socket().end(1006);
  await settle();
  mock.timers.tick(400);
  await settle();
  assert.equal(socket().url.searchParams.get("resume"), "again");
  assert.equal(socket().url.searchParams.get("received"), "4");
});

test("what was asked just before a loss and never answered ends in an error", async () => {
  await connected();
  const said = avatar.say("Hello.");
  socket().end(1006);
  await settle();
  mock.timers.tick(400);
  await settle();
  socket().tell({ ...GREETING, resumed: true });
  await settle();
  mock.timers.tick(3000);
  await assert.rejects(said, { code: "connection" });
});

test("a session that the server no longer has is begun anew", async () => {
  await connected();
  const said = avatar.say("Hello.");
  socket().end(1006);
  await settle();
  mock.timers.tick(400);
  await settle();
  socket().tell({ type: "error", code: "session_expired", message: "Nobody waits." });
  socket().end(4002);
  await assert.rejects(said, { code: "connection" });
  mock.timers.tick(400);
  await settle();
  assert.equal(socket().url.searchParams.has("resume"), false);
  socket().tell(GREETING);
  await settle();
  assert.equal(avatar.connection, "connected");
});

test("a session that has ended is not begun again by itself", async () => {
  await connected();
  socket().tell({ type: "session.closed", reason: "idle" });
  socket().end(4001);
  await settle();
  mock.timers.tick(60_000);
  await settle();
  assert.equal(avatar.connection, "closed");
  assert.equal(FakeSocket.all.length, 1);
});

for (const [code, event, expected] of /** @type {const} */ ([
  [1008, { type: "error", code: "not_authorized", message: "A token is missing." }, "not_authorized"],
  [1013, null, "overloaded"],
  [1006, null, "connection"],
])) {
  test(`a refusal with ${code} is ${expected}`, async () => {
    avatar = new Avatar({ media: "audio" });
    const connecting = avatar.connect();
    await settle();
    if (event) socket().tell(event);
    socket().end(code);
    await assert.rejects(connecting, { code: expected });
    assert.equal(avatar.connection, "failed");
    assert.equal(/** @type {any} */ (avatar.failure).code, expected);
  });
}

test("a session that is begun anew with a token that has expired ends, and tells why", async () => {
  const tokens = ["young", "old"];
  await connected({ getToken: async () => tokens.shift() ?? null });
  assert.equal(avatar.failure, null);
  socket().end(1006);
  await settle();
  mock.timers.tick(400);
  await settle();
  socket().tell({ type: "error", code: "session_expired", message: "Nobody waits." });
  socket().end(4002);
  await settle();
  mock.timers.tick(400);
  await settle();
  assert.deepEqual(socket().protocols, ["jamflow.v1", "bearer.old"]);
  socket().tell({ type: "error", code: "not_authorized", message: "The token has expired." });
  socket().end(1008);
  await settle();
  assert.equal(avatar.connection, "failed");
  assert.equal(/** @type {any} */ (avatar.failure).message, "The token has expired.");
});

test("what cannot be a token is not sent", async () => {
  for (const token of ["two words", "n\u00f6", "a,b"]) {
    avatar = new Avatar({ media: "audio", token });
    await assert.rejects(avatar.connect(), { code: "not_authorized" });
  }
  assert.equal(FakeSocket.all.length, 0);
});

test("a session that ends ends what is pending, before its socket does", async () => {
  for (const [reason, code] of /** @type {const} */ ([
    ["time", "session_expired"],
    ["server", "connection"],
  ])) {
    await connected();
    const text = avatar.sayStream();
    text.write("One ");
    const pending = [avatar.say("Hello."), text.end(), avatar.update({ voice: "heart" })];
    const broken = avatar.interrupt();
    socket().tell({ type: "session.closed", reason });
    for (const promise of pending) await assert.rejects(promise, { code });
    assert.equal(await broken, null);
    assert.equal(avatar.connection, "connected");
    avatar.close();
  }
});

test("a server that ended the session is asked for another, not for this one", async () => {
  await connected();
  socket().tell({ type: "session.closed", reason: "server" });
  socket().end(1001);
  await settle();
  assert.equal(avatar.connection, "reconnecting");
  mock.timers.tick(400);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  assert.equal(socket().url.searchParams.has("resume"), false);
  socket().tell(GREETING);
  await settle();
  assert.equal(avatar.connection, "connected");
});

test("an update that was lost with a socket ends in an error", async () => {
  await connected();
  const update = avatar.update({ voice: "heart" });
  socket().end(1006);
  await settle();
  mock.timers.tick(400);
  await settle();
  socket().tell({ ...GREETING, resumed: true });
  await settle();
  mock.timers.tick(3000);
  await assert.rejects(update, { code: "connection" });
});

test("a socket is left with 1000, so that the server frees the place at once", async () => {
  await connected();
  avatar.close();
  assert.equal(socket().left, 1000);
  // One that never greets as well.
  const connecting = avatar.connect();
  await settle();
  mock.timers.tick(15_000);
  assert.equal(socket().left, 1000);
  await assert.rejects(connecting, { code: "connection" });
});

test("a socket that does not come back is no leaving: the session still waits", async () => {
  await connected();
  socket().end(1006);
  await settle();
  mock.timers.tick(400);
  await settle();
  assert.equal(socket().url.searchParams.get("resume"), "come-back");
  mock.timers.tick(15_000);
  assert.equal(socket().readyState, FakeSocket.CLOSED);
  assert.equal(socket().left, null);
});

test("closing ends what is pending, and the connection can be made again", async () => {
  await connected();
  const said = avatar.say("Hello.");
  avatar.close();
  await assert.rejects(said, { code: "connection" });
  const again = avatar.connect();
  await settle();
  socket().tell(GREETING);
  await again;
  assert.equal(avatar.connection, "connected");
});
