/** A head of your own, moved by the ARKit stream of a jamflow_rt server. */

import { JamflowAvatar } from "jamflow-avatar";
import { Badge } from "jamflow-avatar/render/badge.js";
import { MotionSpace } from "jamflow-avatar/render/motion_space.js";
import * as THREE from "three";

import { ARKIT_NAMES } from "./arkit.js";
import { express, makeHead } from "./head.js";

const server = new URLSearchParams(location.search).get("server") ?? "http://127.0.0.1:8080";
const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector("canvas"));
const status = /** @type {HTMLElement} */ (document.querySelector("#status"));
const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const text = /** @type {HTMLInputElement} */ (document.querySelector("#text"));
const audio = /** @type {HTMLAudioElement} */ (document.querySelector("audio"));

const renderer = new THREE.WebGLRenderer({ canvas, antialias: true });
const context = /** @type {WebGL2RenderingContext} */ (renderer.getContext());
const scene = new THREE.Scene();
scene.background = new THREE.Color(0xe9edf0);
const camera = new THREE.PerspectiveCamera(30, 1, 0.1, 20);
const sun = new THREE.DirectionalLight(0xffffff, 2.4);
sun.position.set(-1.5, 2, 3);
// The form needs some room below the head.
camera.position.y = -0.15;
const head = makeHead();
scene.add(head, sun, new THREE.HemisphereLight(0xffffff, 0xb58b76, 1.6));

/** Marks the picture as made by a machine, if the server wants that. @type {Badge | null} */
let badge = null;

renderer.setAnimationLoop(() => {
  const { clientWidth: width, clientHeight: height } = canvas;
  renderer.setPixelRatio(devicePixelRatio);
  renderer.setSize(width, height, false);
  camera.aspect = width / height;
  // A narrow window wants the camera further away.
  camera.position.z = 5.4 / Math.min(1, width / height);
  camera.updateProjectionMatrix();
  renderer.render(scene, camera);
  // It draws into the same context; three.js must neither disturb it nor rely on what it leaves.
  renderer.resetState();
  badge?.draw();
  renderer.resetState();
});

/** @param {import("jamflow-avatar/render/motion_space.js").FaceState} face */
function turn({ rotation: [x, y, z], translation: [right, down] }) {
  // The server's y points down and its z away from the viewer; about 8 cm are one unit here.
  const angle = Math.hypot(x, y, z);
  const axis = new THREE.Vector3(x, -y, -z).normalize();
  head.quaternion.setFromAxisAngle(axis, angle);
  head.position.set(right / 8, -down / 8, 0);
}

async function connect() {
  const space = new MotionSpace(await (await fetch(`${server}/v1/motion-space`)).arrayBuffer());
  const avatar = new JamflowAvatar({ url: server, transport: "websocket", media: "motion" });
  // Each frame comes when its sound is heard.
  avatar.on("motion", ({ arkit, latents }) => {
    express(head, ARKIT_NAMES, arkit);
    turn(space.decode(latents));
  });
  avatar.on("error", ({ message }) => (status.textContent = message));
  avatar.attach(audio);
  await avatar.connect();
  if (avatar.session?.badge) badge ??= new Badge(context);
  return avatar;
}

/** @type {Promise<JamflowAvatar> | null} */
let connecting = null;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    status.textContent = "";
    // The first sentence is a gesture, after which a page may make sound.
    const avatar = await (connecting ??= connect());
    await avatar.say(text.value);
  } catch (error) {
    connecting = null;
    status.textContent = error instanceof Error ? error.message : String(error);
  }
});
// For the console, and for tests.
Object.assign(window, {
  express: (/** @type {number[]} */ weights) => express(head, ARKIT_NAMES, weights),
  turn,
});
