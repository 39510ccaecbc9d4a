/** Runs in the audio thread: hands the microphone's sound to the page, piece by piece. */

/** 40 ms: as often as the avatar has pictures. */
const PIECE_SECONDS = 0.04;

class Capture extends AudioWorkletProcessor {
  #piece = new Float32Array(Math.round(PIECE_SECONDS * sampleRate));
  #count = 0;

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    const channels = inputs[0];
    const length = channels[0]?.length ?? 0;
    for (let at = 0; at < length; at++) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      this.#piece[this.#count++] = sum / channels.length;
      if (this.#count === this.#piece.length) {
        this.port.postMessage(this.#piece);
        this.#count = 0;
      }
    }
    return true;
  }
}

registerProcessor("jamflow-capture", Capture);
