// Watches what the page really shows and plays: the decoded sound and the decoded pictures.
window.probe = {
  /** Loudness of the last 21 ms, sampled often: [page time in ms, RMS]. */
  sound: [],
  /**
   * Decoded pictures: [page time in ms, mean difference around the mouth to the one before, share
   * of dark places there: the mouth is dark inside].
   */
  pictures: [],

  async start() {
    const context = new AudioContext();
    await context.resume();
    const analyser = new AnalyserNode(context, { fftSize: 1024 });
    context.createMediaStreamSource(avatar.stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      this.sound.push([performance.now(), Math.sqrt(power)]);
    }, 10);

    const video = document.querySelector("video");
    // Where the face is when this browser draws it itself.
    const drawn = document.querySelector("#drawing:not([hidden])");
    const canvas = new OffscreenCanvas(64, 48);
    const drawing = canvas.getContext("2d", { willReadFrequently: true });
    let before = null;
    const look = () => {
      const width = drawn ? drawn.width : video.videoWidth;
      const height = drawn ? drawn.height : video.videoHeight;
      // Where the default portrait has its mouth and chin.
      const mouth = [0.42 * width, 0.545 * height, 0.16 * width, 0.12 * height];
      drawing.drawImage(drawn ?? video, ...mouth, 0, 0, 64, 48);
      const now = drawing.getImageData(0, 0, 64, 48).data;
      if (before) {
        const sum = now.reduce((total, value, at) => total + Math.abs(value - before[at]), 0);
        let dark = 0;
        // Red is where skin and lips are light and the inside is not.
        for (let at = 0; at < now.length; at += 4) dark += now[at] < 90;
        this.pictures.push([performance.now(), sum / now.length, (4 * dark) / now.length]);
      }
      before = now;
    };
    const watch = () => {
      look();
      video.requestVideoFrameCallback(watch);
    };
    // What WebGL has drawn can be read until the browser shows it, and not later.
    if (drawn) avatar.on("motion", look);
    else video.requestVideoFrameCallback(watch);
  },

  /** The page's time at the moment the button is pressed, by the page itself. */
  stop() {
    const now = performance.now();
    document.querySelector("#stop").click();
    return now;
  },
};
