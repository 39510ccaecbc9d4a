// Measures a page from within, whatever the page is made of: it looks at peer connections and media
// elements, not at the page's own objects. Must run before the page's scripts.
window.meter = {
  /** @type {RTCPeerConnection[]} All that were ever made. */
  peers: [],
  /** Page times in ms. @type {number | null} */
  loaded: null,
  /** @type {number | null} */
  firstPicture: null,
  /** When Enter was last pressed, and when something was last clicked. */
  entered: 0,
  clicked: 0,
  /** Loudness of the last 11 ms, sampled often: [page time in ms, RMS]. */
  sound: [],
  /**
   * What the browser said of both tracks and when: page time in ms, whether it sounds, and the
   * reports of getStats by their kind.
   */
  playout: [],
  /** What happened meanwhile: [page time in ms, what]. */
  events: [],

  /** Listen to the newest connection's sound. */
  async listen() {
    const peer = this.peer();
    const track = peer.getReceivers().find(({ track }) => track.kind === "audio").track;
    const context = new AudioContext();
    await context.resume();
    const analyser = new AnalyserNode(context, { fftSize: 512 });
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
      this.sound.push([performance.now(), Math.sqrt(power)]);
      if (this.sound.length > 3000) this.sound.splice(0, 1000);
    }, 5);
  },

  /** Sample what belongs together, until the page ends. */
  sample(milliseconds) {
    setInterval(async () => {
      const reports = await this.reports();
      const loud = (this.sound.at(-1)?.[1] ?? 0) > 0.002;
      this.playout.push({ at: performance.now(), loud, ...reports });
    }, milliseconds);
  },

  /** Note what happens. */
  note(what) {
    this.events.push([performance.now(), what]);
  },

  /** The newest connection that stands. */
  peer() {
    return this.peers.findLast(({ connectionState }) => connectionState === "connected");
  },

  /** What the browser says of both tracks as it receives them. */
  async inbound() {
    return (await this.reports()).inbound;
  },

  /** The same, what the server last reported of them, and what became of the sound. */
  async reports() {
    const [inbound, outbound] = [{}, {}];
    let playout = null;
    for (const report of (await this.peer()?.getStats())?.values() ?? []) {
      if (report.type === "inbound-rtp") inbound[report.kind] = report;
      if (report.type === "remote-outbound-rtp") outbound[report.kind] = report;
      if (report.type === "media-playout") playout = report;
    }
    return { inbound, outbound, playout };
  },
};

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    meter.peers.push(this);
  }

  createDataChannel(...given) {
    const channel = super.createDataChannel(...given);
    channel.addEventListener("message", ({ data }) => {
      const { type, late_ms, underruns } = JSON.parse(data);
      if (type === "metrics") meter.note({ type, late_ms, underruns });
      else if (!type.endsWith(".delta")) meter.note({ type });
    });
    return channel;
  }
};

const source = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
  ...source,
  set(stream) {
    source.set.call(this, stream);
    this.requestVideoFrameCallback?.(() => (meter.firstPicture ??= performance.now()));
  },
});

addEventListener("load", () => (meter.loaded = performance.now()));
addEventListener("keydown", ({ key }) => key === "Enter" && (meter.entered = performance.now()), true);
addEventListener(
  "click",
  () => {
    meter.clicked = performance.now();
    meter.note({ type: "click" });
  },
  true,
);
