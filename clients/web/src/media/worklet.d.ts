/** What is global in an AudioWorklet; TypeScript's own library leaves it out. */

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor,
): void;

/** Seconds of the AudioContext at the first sample of the block that is being processed. */
declare const currentTime: number;
declare const sampleRate: number;
