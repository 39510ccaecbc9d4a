/** Runs in the audio thread: plays what the page decodes, and tells what is heard when. */

import { SoundBuffer } from "./sound_buffer.js";

/** Blocks of 128 samples between reports. */
const REPORT_EVERY = 8;

class Playout extends AudioWorkletProcessor {
  #buffer = new SoundBuffer(sampleRate);
  #blocks = 0;
  #energy = 0;
  #level = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.clear) this.#buffer.clear();
      else this.#buffer.push(data.samples, data.time);
    };
  }

  /**
   * @param {Float32Array[][]} _inputs
   * @param {Float32Array[][]} outputs
   */
  process(_inputs, outputs) {
    const out = outputs[0][0];
    const time = this.#buffer.time;
    const playing = this.#buffer.read(out);
    let power = 0;
    for (const sample of out) power += sample * sample;
    this.#energy += power / sampleRate;
    this.#level = Math.max(0.9 * this.#level, Math.sqrt(power / out.length));
    if (++this.#blocks % REPORT_EVERY === 0) {
      this.port.postMessage({
        time,
        at: currentTime,
        playing,
        filled: this.#buffer.filled,
        underruns: this.#buffer.underruns,
        energy: this.#energy,
        level: this.#level,
      });
    }
    return true;
  }
}

registerProcessor("jamflow-playout", Playout);
