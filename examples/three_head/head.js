/** A head of a few curves, with morph targets named as ARKit names its coefficients. */

import * as THREE from "three";

import { surface } from "./surface.js";

/** @typedef {import("./surface.js").Place} Place */

const WIDTH = 0.8;
const HEIGHT = 1.08;
const DEPTH = 0.86;
const MOUTH_Y = -0.42;
const MOUTH = 0.27;
const EYE = { x: 0.29, y: 0.17, radius: 0.17 };

/** @param {number} color */
const material = (color, roughness = 0.6) =>
  new THREE.MeshStandardMaterial({ color, roughness, side: THREE.DoubleSide });
const SKIN = material(0xf0b08c);
const LID = material(0xe79f7b);
const LIP = material(0xc4574f, 0.4);
const INSIDE = new THREE.MeshBasicMaterial({ color: 0x3b0d12, side: THREE.DoubleSide });
const TOOTH = material(0xfbf8f2, 0.3);
const HAIR = material(0x4a3122, 0.9);
const WHITE = material(0xffffff, 0.2);
const IRIS = material(0x3f6f7d, 0.2);
const PUPIL = material(0x101214, 0.1);

/**
 * The skin's depth at a place of the face; the chin is narrower than the skull.
 *
 * @param {number} x
 * @param {number} y
 */
function depth(x, y) {
  const wide = WIDTH * (y < 0 ? 1 + 0.22 * (y / HEIGHT) : 1);
  return DEPTH * Math.sqrt(Math.max(0, 1 - (x / wide) ** 2 - (y / HEIGHT) ** 2));
}

/**
 * How much of the jaw's way a place goes: nothing above the mouth, all of it at the chin.
 *
 * @param {number} y
 */
function jaw(y) {
  const share = Math.min(Math.max((MOUTH_Y + 0.02 - y) / 0.25, 0), 1);
  return share * share * (3 - 2 * share);
}

const NAMES = {
  jaw: ["jawOpen", "jawLeft", "jawRight"],
  lips: [
    ...["jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"],
    ...["jawLeft", "jawRight", "mouthRollLower", "mouthRollUpper"],
    ...["mouthShrugLower", "mouthShrugUpper"],
    ...["Smile", "Frown", "Stretch", "Press", "LowerDown", "UpperUp"].flatMap((part) => [
      `mouth${part}Left`,
      `mouth${part}Right`,
    ]),
  ],
};

/** @type {Place} */
function skin(u, v, weight) {
  // The seam lies behind.
  const around = 2 * Math.PI * (u - 0.5);
  const down = Math.PI * v;
  const y = HEIGHT * Math.cos(down);
  const narrow = y < 0 ? 1 + 0.22 * (y / HEIGHT) : 1;
  const z = DEPTH * Math.sin(down) * Math.cos(around);
  const share = jaw(y) * Math.min(Math.max(0.7 + z, 0), 1);
  return [
    WIDTH * narrow * Math.sin(down) * Math.sin(around) + 0.08 * share * sideways(weight, "jaw"),
    y - 0.26 * share * weight("jawOpen"),
    z,
  ];
}

/**
 * To the left of the person, which is to the right of the picture.
 *
 * @param {(name: string) => number} weight
 * @param {string} part
 */
function sideways(weight, part) {
  return weight(`${part}Left`) - weight(`${part}Right`);
}

/**
 * A point of the mouth.
 *
 * @param {number} along −1 is the right corner of the person, 1 the left one.
 * @param {"upper" | "lower"} lip
 * @param {number} outer 0 is the inner edge of the lip, 1 its outer one.
 * @param {(name: string) => number} weight
 */
function mouth(along, lip, outer, weight) {
  const upper = lip === "upper";
  const side = along > 0 ? "Left" : "Right";
  const own = (/** @type {string} */ part) => weight(`mouth${part}${side}`) * Math.abs(along);
  const middle = 1 - along * along;
  const narrow = 0.45 * weight("mouthPucker") + 0.35 * weight("mouthFunnel");
  const roll = upper ? weight("mouthRollUpper") : weight("mouthRollLower");
  const press = 0.6 * Math.max(roll, weight(`mouthPress${side}`));
  const thick = (upper ? 0.055 : 0.075) * (0.15 + 0.85 * Math.sqrt(middle)) * (1 - press);
  let x = MOUTH * along * (1 - narrow) + 0.06 * Math.sign(along) * (own("Smile") + own("Stretch"));
  x += 0.08 * (sideways(weight, "mouth") + 0.5 * sideways(weight, "jaw"));
  let y = MOUTH_Y + Math.abs(along) * (0.13 * own("Smile") - 0.1 * own("Frown"));
  y += 0.05 * (upper ? weight("mouthShrugUpper") : weight("mouthShrugLower"));
  const round = 0.06 * weight("mouthFunnel") * middle;
  const open = 0.3 * weight("jawOpen");
  if (upper) {
    const up = 0.05 * weight(`mouthUpperUp${side}`) - 0.06 * weight("mouthClose");
    y += outer * thick + round + up * middle;
  } else {
    y -= outer * thick + round + (open - 0.24 * weight("mouthClose")) * middle;
    y -= 0.07 * weight(`mouthLowerDown${side}`) * middle;
  }
  const forward = 0.12 * weight("mouthPucker") + 0.08 * weight("mouthFunnel");
  const z = depth(MOUTH * along, MOUTH_Y) + 0.035 + (0.03 + forward) * middle;
  // The outer edge meets the skin, the inner one lies in front of it.
  return [x, y, z - 0.03 * outer];
}

function makeMouth() {
  const group = new THREE.Group();
  const across = /** @type {[number, number]} */ ([24, 1]);
  group.add(
    surface(INSIDE, NAMES.lips, across, (u, v, weight) => {
      const [x, y, z] = mouth(2 * u - 1, v ? "lower" : "upper", 0.3, weight);
      return [x, y, z - 0.022];
    }),
    surface(TOOTH, NAMES.lips, across, (u, v, weight) => {
      const along = 1.6 * u - 0.8;
      const [x, y, z] = mouth(along, "upper", 0.3, weight);
      const [, low] = mouth(along, "lower", 0, weight);
      return [x, y + 0.3 * v * (low - y), z - 0.015];
    }),
  );
  for (const lip of /** @type {const} */ (["upper", "lower"])) {
    group.add(
      surface(LIP, NAMES.lips, [24, 4], (u, v, weight) => {
        const [x, y, z] = mouth(2 * u - 1, lip, v, weight);
        return [x, y, z + 0.025 * Math.sin(Math.PI * v)];
      }),
    );
  }
  return group;
}

/**
 * One eye: a ball that looks about, and lids that close over it.
 *
 * @param {"Left" | "Right"} side The person's.
 */
function makeEye(side) {
  const eye = new THREE.Group();
  const { x, y, radius } = EYE;
  const sign = side === "Left" ? 1 : -1;
  eye.position.set(sign * x, y, depth(x, y) - 0.09);
  const ball = new THREE.Group();
  ball.name = `ball${side}`;
  // Caps on the ball: how far they reach from its front, in radians, and their distance.
  for (const [of, reach, far] of /** @type {const} */ ([
    [WHITE, Math.PI, 1],
    [IRIS, 0.5, 1.01],
    [PUPIL, 0.24, 1.02],
  ])) {
    const cap = new THREE.SphereGeometry(radius * far, 32, 24, 0, 2 * Math.PI, 0, reach);
    ball.add(new THREE.Mesh(cap.rotateX(Math.PI / 2), of));
  }
  eye.add(ball);
  // Angles above the horizon at which the lids end: open, and shut.
  const lids = { upper: [0.62, -0.3], lower: [-0.62, -0.3] };
  for (const [lid, [open, shut]] of Object.entries(lids)) {
    const names = [`eyeBlink${side}`, `eyeWide${side}`, `eyeSquint${side}`, `eyeLookDown${side}`];
    const start = lid === "upper" ? Math.PI / 2 : -Math.PI / 2;
    const wide = lid === "upper" ? 0.18 : 0;
    const squint = lid === "upper" ? -0.1 : 0.2;
    eye.add(
      surface(LID, names, [24, 12], (u, v, weight) => {
        let end = open + (shut - open) * weight(names[0]) + wide * weight(names[1]);
        end += squint * weight(names[2]) - (lid === "upper" ? 0.25 : 0.1) * weight(names[3]);
        const height = start + v * (end - start);
        // Counted so that both lids have their outside outside.
        const around = Math.PI * ((lid === "upper" ? u : 1 - u) - 0.5);
        const far = radius * 1.07;
        return [
          far * Math.cos(height) * Math.sin(around),
          far * Math.sin(height),
          far * Math.cos(height) * Math.cos(around),
        ];
      }),
    );
  }
  return eye;
}

/** @param {"Left" | "Right"} side The person's. */
function makeBrow(side) {
  const sign = side === "Left" ? 1 : -1;
  const names = ["browInnerUp", `browOuterUp${side}`, `browDown${side}`];
  return surface(HAIR, names, [12, 2], (u, v, weight) => {
    const x = 0.13 + 0.36 * u;
    const thick = 0.055 * (1 - 0.6 * u);
    let y = 0.43 + 0.05 * Math.sin(2.2 * u + 0.5) + thick * (v - 0.5);
    y += 0.13 * (1 - u) * weight(names[0]) + 0.12 * u * weight(names[1]);
    y -= 0.1 * (1 - 0.4 * u) * weight(names[2]);
    return [sign * x, y, depth(x, 0.45) + 0.05];
  });
}

/** @returns {THREE.Group} A head about two units high that looks along z. */
export function makeHead() {
  const head = new THREE.Group();
  head.add(surface(SKIN, NAMES.jaw, [64, 64], skin), makeMouth());
  for (const side of /** @type {const} */ (["Left", "Right"])) {
    head.add(makeEye(side), makeBrow(side));
    const ear = new THREE.Mesh(new THREE.SphereGeometry(0.16, 24, 16), SKIN);
    ear.scale.set(0.45, 1.1, 0.7);
    ear.position.set((side === "Left" ? 1 : -1) * WIDTH, 0.02, 0);
    head.add(ear);
  }
  const nose = new THREE.Mesh(new THREE.SphereGeometry(0.12, 24, 16), SKIN);
  nose.scale.set(0.85, 1.1, 1);
  nose.position.set(0, -0.1, depth(0, -0.1) + 0.04);
  // As the skin, a little further out; the hairline is high in front and low behind.
  const hair = surface(HAIR, [], [64, 24], (u, v, weight) =>
    skin(u, v * (0.47 + 0.19 * Math.cos(2 * Math.PI * u)), weight).map((part) => 1.05 * part),
  );
  head.add(nose, hair);
  return head;
}

/**
 * Show an expression: works for any head whose morph targets have ARKit's names, loaded ones too.
 *
 * @param {THREE.Object3D} head
 * @param {string[]} names
 * @param {ArrayLike<number>} weights
 */
export function express(head, names, weights) {
  const weight = Object.fromEntries(names.map((name, n) => [name, weights[n]]));
  head.traverse((part) => {
    if (part instanceof THREE.Mesh && part.morphTargetDictionary && part.morphTargetInfluences) {
      for (const [name, index] of Object.entries(part.morphTargetDictionary)) {
        part.morphTargetInfluences[index] = weight[name] ?? 0;
      }
    }
  });
  for (const side of ["Left", "Right"]) {
    const ball = head.getObjectByName(`ball${side}`);
    const inward = weight[`eyeLookIn${side}`] - weight[`eyeLookOut${side}`];
    const down = weight[`eyeLookDown${side}`] - weight[`eyeLookUp${side}`];
    ball?.rotation.set(0.4 * down, 0.5 * inward * (side === "Left" ? -1 : 1), 0);
  }
}
