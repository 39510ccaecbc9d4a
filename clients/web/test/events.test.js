import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, sleep } from "../src/backoff.js";
import { Captions } from "../src/captions.js";
import { JamflowError, refusal } from "../src/errors.js";
import { fragment, parseIceServers } from "../src/ice.js";
import { Responses } from "../src/responses.js";
import { TextStream } from "../src/text_stream.js";

/** @param {Responses} responses @param {string} eventId @param {string} id */
const accept = (responses, eventId, id) =>
  responses.receive({ type: "response.created", response_id: id, event_id: eventId });

/** @param {Responses} responses @param {string} id @param {"completed" | "cancelled"} status */
const finish = (responses, id, status) =>
  responses.receive({
    type: "response.done",
    response_id: id,
    status,
    spoken_text: "One",
    unspoken_text: "two",
    audio_end_ms: 400,
  });

test("a response resolves when it is done", async () => {
  const responses = new Responses();
  const said = responses.ask("e1");
  accept(responses, "e1", "r1");
  assert.equal(responses.busy, true);
  finish(responses, "r1", "completed");
  assert.deepEqual(await said, {
    id: "r1",
    status: "completed",
    spokenText: "One",
    unspokenText: "two",
    audioEndMs: 400,
  });
  assert.equal(responses.busy, false);
});

test("a refusal rejects the one it is about, with its code", async () => {
  const responses = new Responses();
  const said = responses.ask("e1");
  const other = responses.ask("e2");
  responses.receive({ type: "error", code: "text_too_long", message: "Too long.", event_id: "e1" });
  await assert.rejects(said, { code: "text_too_long" });
  accept(responses, "e2", "r2");
  finish(responses, "r2", "completed");
  assert.equal((await other).id, "r2");
});

test("a later piece that is refused rejects a text that is being said", async () => {
  const responses = new Responses();
  const said = responses.ask("e1");
  accept(responses, "e1", "r1");
  responses.receive({ type: "error", code: "text_too_long", message: "", event_id: "e1" });
  await assert.rejects(said, { code: "text_too_long" });
  assert.equal(responses.busy, true);
  finish(responses, "r1", "completed");
  assert.equal(responses.busy, false);
});

test("an interruption tells of what was being said, not of what had just ended", async () => {
  const responses = new Responses();
  for (const n of [1, 2, 3]) {
    void responses.ask(`e${n}`);
    accept(responses, `e${n}`, `r${n}`);
  }
  const broken = responses.interrupted();
  finish(responses, "r1", "completed");
  finish(responses, "r2", "cancelled");
  finish(responses, "r3", "cancelled");
  assert.equal((await broken)?.responseId, "r2");
  assert.equal((await broken)?.spokenText, "One");
});

test("an interruption of nothing is nothing", async () => {
  const responses = new Responses();
  assert.equal(await responses.interrupted(), null);
  void responses.ask("e1");
  accept(responses, "e1", "r1");
  const broken = responses.interrupted();
  finish(responses, "r1", "completed");
  assert.equal(await broken, null);
});

test("an interruption before the server has answered waits for its answer", async () => {
  const responses = new Responses();
  void responses.ask("e1");
  const broken = responses.interrupted();
  accept(responses, "e1", "r1");
  finish(responses, "r1", "cancelled");
  assert.equal((await broken)?.responseId, "r1");
});

test("a session that is lost ends everything", async () => {
  const responses = new Responses();
  const asked = responses.ask("e1");
  const accepted = responses.ask("e2");
  accept(responses, "e2", "r2");
  const broken = responses.interrupted();
  assert.deepEqual(responses.unanswered, ["e1"]);
  responses.lost(new JamflowError("connection", "gone"));
  await assert.rejects(asked, { code: "connection" });
  await assert.rejects(accepted, { code: "connection" });
  assert.equal(await broken, null);
  assert.equal(responses.busy, false);
});

function stream() {
  const responses = new Responses();
  /** @type {any[]} */
  const sent = [];
  const text = new TextStream(
    "t1",
    (id) => responses.ask(id),
    (event) => sent.push(event),
  );
  return { responses, sent, text };
}

test("a text in pieces is opened by the first and closed once", async () => {
  const { responses, sent, text } = stream();
  assert.equal(text.write(""), true);
  assert.equal(responses.busy, false);
  text.write("Hello, ");
  text.write("world.");
  const said = text.end();
  accept(responses, "t1", "r1");
  finish(responses, "r1", "completed");
  assert.equal((await said).status, "completed");
  assert.deepEqual(
    sent.map(({ type, delta, event_id }) => [type, delta, event_id]),
    [
      ["input_text.append", "Hello, ", "t1"],
      ["input_text.append", "world.", "t1"],
      ["input_text.done", undefined, "t1-done"],
    ],
  );
  assert.equal(text.write("more"), false);
});

test("a text that nobody wants any more takes no more", async () => {
  const cancelled = stream();
  cancelled.text.write("Hello");
  // Our own cancellation closes it at the server.
  cancelled.text.abandon(true);
  assert.equal(cancelled.text.write("more"), false);
  assert.equal(cancelled.sent.length, 1);
  const overheard = stream();
  overheard.text.write("Hello");
  overheard.text.abandon(false);
  assert.equal(overheard.sent.at(-1).type, "input_text.done");
  await assert.rejects(stream().text.end(), { code: "invalid_input" });
});

test("captions begin anew with a sentence, and give whole sentences to screen readers", () => {
  const captions = new Captions();
  const words = "Good morning, Dr. Lee. How are you?".split(" ");
  const shown = [];
  const sentences = [];
  for (const delta of words) {
    sentences.push(captions.add({ response_id: "r1", delta }));
    shown.push(captions.text);
  }
  assert.equal(shown[3], "Good morning, Dr. Lee.");
  assert.equal(shown[4], "How");
  assert.deepEqual(sentences.filter(Boolean), ["Good morning, Dr. Lee.", "How are you?"]);
});

test("captions stay short, and a response does not go on with another's words", () => {
  const captions = new Captions();
  for (let n = 0; n < 40; n++) {
    captions.add({ response_id: "r1", delta: "winding" });
    assert.ok(captions.text.length < 72);
  }
  captions.add({ response_id: "r2", delta: "Hello" });
  assert.equal(captions.text, "Hello");
  assert.equal(captions.finish(), "Hello");
  assert.equal(captions.finish(), null);
  captions.add({ response_id: "r2", delta: " " });
  assert.equal(captions.text, "Hello");
});

test("waits double up to a bound, and are not the same for all", () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 7 }, () => backoff.next());
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
  assert.ok(new Backoff(() => 0).next() < new Backoff(() => 1).next());
});

test("a wait ends early when it is no use any more", async () => {
  const controller = new AbortController();
  const waiting = sleep(60_000, controller.signal);
  controller.abort();
  await waiting;
  await sleep(60_000, controller.signal);
});

test("ICE servers of Link headers", () => {
  const header =
    '<stun:stun.example.net:3478>; rel="ice-server", ' +
    '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="17:a,b"; ' +
    'credential="x\\"y="; credential-type="password", </other>; rel="next"';
  assert.deepEqual(parseIceServers(header), [
    { urls: "stun:stun.example.net:3478" },
    { urls: "turn:turn.example.net?transport=udp", username: "17:a,b", credential: 'x"y=' },
  ]);
  assert.deepEqual(parseIceServers(null), []);
});

test("late candidates as a fragment of SDP", () => {
  const offer = [
    "v=0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:secret",
    "a=mid:0",
    "m=video 9 UDP/TLS/RTP/SAVPF 96",
    "a=mid:1",
  ].join("\r\n");
  const candidate = /** @type {any} */ ({ candidate: "candidate:1 1 udp 2 10.0.0.1 5 typ host" });
  assert.deepEqual(fragment(offer, [candidate], true).split("\r\n"), [
    "a=ice-ufrag:abcd",
    "a=ice-pwd:secret",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "a=mid:0",
    "a=candidate:1 1 udp 2 10.0.0.1 5 typ host",
    "a=end-of-candidates",
    "",
  ]);
});

test("a refused request becomes an error with a code and the server's words", async () => {
  const full = await refusal(
    new Response("All places are taken.", { status: 503, headers: { "Retry-After": "10" } }),
  );
  assert.deepEqual([full.code, full.message, full.retryAfter], ["overloaded", "All places are taken.", 10]);
  const json = await refusal(new Response('{"message": "No token."}', { status: 401 }));
  assert.deepEqual([json.code, json.message], ["not_authorized", "No token."]);
  assert.equal((await refusal(new Response("", { status: 599 }))).message, "The server answered 599.");
});
