/** Sound from a microphone, or from any MediaStream, as samples for the server. */

import { JamflowError } from "./errors.js";
import { Resampler } from "./media/resampler.js";

/** A source of live sound; `stop` ends it. */
export class Microphone {
  #context;
  #stream;
  /** Whether the stream was opened here and so ends here. */
  #own;
  /** Loudness of the last 40 ms, RMS. */
  level = 0;

  /**
   * @param {AudioContext} context
   * @param {MediaStream} stream
   * @param {boolean} own
   */
  constructor(context, stream, own) {
    this.#context = context;
    this.#stream = stream;
    this.#own = own;
  }

  /**
   * Open a source. Rejects with code "not_allowed" when the person or the browser says no, and
   * "not_supported" where there is no microphone to be had.
   *
   * @param {MediaStream | null} source A stream with sound; null: the microphone, asked for here.
   * @param {number} rate Samples a second that `take` gets.
   * @param {(samples: Float32Array) => void} take
   * @returns {Promise<Microphone>}
   */
  static async open(source, rate, take) {
    const stream = source ?? (await ask());
    if (!stream.getAudioTracks().length) {
      throw new JamflowError("invalid_input", "The stream has no sound.");
    }
    // At the source's own rate: not every browser connects a stream to a context of another.
    const context = new AudioContext({ latencyHint: "interactive" });
    const microphone = new Microphone(context, stream, source === null);
    try {
      await context.audioWorklet.addModule(new URL("./media/capture-worklet.js", import.meta.url));
      const node = new AudioWorkletNode(context, "jamflow-capture", { numberOfOutputs: 0 });
      const resampler = new Resampler(context.sampleRate, rate);
      node.port.onmessage = ({ data }) => {
        microphone.level = loudness(data);
        take(resampler.push(data));
      };
      context.createMediaStreamSource(stream).connect(node);
      await context.resume();
    } catch (error) {
      microphone.stop();
      throw error;
    }
    return microphone;
  }

  /** @returns {MediaStream} */
  get stream() {
    return this.#stream;
  }

  stop() {
    if (this.#own) for (const track of this.#stream.getTracks()) track.stop();
    if (this.#context.state !== "closed") this.#context.close().catch(() => {});
    this.level = 0;
  }
}

/** @returns {Promise<MediaStream>} */
async function ask() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new JamflowError("not_supported", "A microphone needs a page over HTTPS.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: 1,
      },
    });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") {
      throw new JamflowError("not_allowed", "The microphone was not allowed.");
    }
    throw new JamflowError("not_supported", "No microphone was found.");
  }
}

/**
 * @param {Float32Array} samples
 * @returns {number}
 */
function loudness(samples) {
  let power = 0;
  for (const sample of samples) power += sample * sample;
  return Math.sqrt(power / Math.max(1, samples.length));
}
