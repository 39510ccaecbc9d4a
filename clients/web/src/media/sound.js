/** Opus packets to sound in a track, and the clock of what is heard. */

import { MediaClock } from "./clock.js";

/** What Opus decodes to. */
const RATE = 48_000;
/** Short enough not to be heard, long enough not to click. */
const RAMP_SECONDS = 0.005;

/**
 * @typedef {object} SoundState
 * @property {number} filled Seconds that wait.
 * @property {number} underruns
 * @property {number} energy
 * @property {number} level
 */

/** The sound of one session. */
export class Sound {
  clock = new MediaClock();
  /** @type {SoundState} */
  state = { filled: 0, underruns: 0, energy: 0, level: 0 };
  #context;
  #node;
  #gain;
  #out;
  /** @type {AudioDecoder} */
  #decoder;

  /** @param {AudioContext} context Its worklet is loaded. */
  constructor(context) {
    this.#context = context;
    this.#node = new AudioWorkletNode(context, "jamflow-playout", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this.#gain = new GainNode(context);
    this.#out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    this.#node.connect(this.#gain).connect(this.#out);
    this.#node.port.onmessage = ({ data }) => {
      this.clock.report(data);
      this.state = data;
    };
    this.#decoder = this.#start();
  }

  /** @returns {boolean} Whether this browser can. */
  static get supported() {
    return "AudioDecoder" in globalThis && "AudioWorkletNode" in globalThis;
  }

  /** @returns {Promise<Sound>} */
  static async open() {
    const context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await context.audioWorklet.addModule(new URL("./playout-worklet.js", import.meta.url));
    return new Sound(context);
  }

  /** @returns {MediaStreamTrack} */
  get track() {
    return this.#out.stream.getAudioTracks()[0];
  }

  /** @returns {boolean} Whether the browser lets this page make sound. */
  get running() {
    return this.#context.state === "running";
  }

  /** @returns {number | null} Media time that is heard now, in seconds. */
  now() {
    const wall = performance.now() / 1000;
    if (!this.running) return this.clock.now(null, wall);
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    const heard =
      contextTime && performanceTime
        ? contextTime + wall - performanceTime / 1000
        : this.#context.currentTime;
    return this.clock.now(heard, wall);
  }

  /** There was a gesture: sound may start. */
  wake() {
    // A refusal only means that a gesture is still missing.
    if (!this.running) this.#context.resume().catch(() => {});
  }

  /**
   * @param {Uint8Array} packet One Opus packet.
   * @param {number} time Microseconds on the media clock.
   */
  push(packet, time) {
    this.clock.arrive(time / 1e6, performance.now() / 1000);
    // While nothing plays nothing is kept, or it would all be heard late.
    if (!this.running) return;
    if (this.#decoder.state === "closed") this.#decoder = this.#start();
    this.#decoder.decode(new EncodedAudioChunk({ type: "key", timestamp: time, data: packet }));
  }

  /** Forget what was not heard yet. */
  clear() {
    if (this.#decoder.state !== "closed") this.#decoder.close();
    this.#decoder = this.#start();
    this.#node.port.postMessage({ clear: true });
    this.clock.clear();
  }

  /** @param {boolean} silent */
  hush(silent) {
    const now = this.#context.currentTime;
    this.#gain.gain.setTargetAtTime(silent ? 0 : 1, now, RAMP_SECONDS / 3);
  }

  close() {
    if (this.#decoder.state !== "closed") this.#decoder.close();
    this.#node.port.onmessage = null;
    this.#node.disconnect();
    this.#context.close().catch(() => {});
  }

  /** @returns {AudioDecoder} */
  #start() {
    const decoder = new AudioDecoder({
      output: (data) => {
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        const time = data.timestamp / 1e6;
        data.close();
        if (this.#decoder === decoder) {
          this.#node.port.postMessage({ samples, time }, [samples.buffer]);
        }
      },
      // It is closed then; the next packet finds a new one.
      error: () => {},
    });
    decoder.configure({ codec: "opus", sampleRate: RATE, numberOfChannels: 1 });
    return decoder;
  }
}
