/** The 52 coefficients in the order of the stream, which is that of Apple's documentation. */

const eye = (/** @type {string} */ side) =>
  ["Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide"].map(
    (part) => `eye${part}${side}`,
  );
const both = (/** @type {string} */ name) => [`${name}Left`, `${name}Right`];

export const ARKIT_NAMES = [
  ...eye("Left"),
  ...eye("Right"),
  ...["jawForward", "jawLeft", "jawRight", "jawOpen"],
  ...["mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"],
  ...["mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch"].flatMap(both),
  ...["mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"],
  ...["mouthPress", "mouthLowerDown", "mouthUpperUp", "browDown"].flatMap(both),
  "browInnerUp",
  ...both("browOuterUp"),
  "cheekPuff",
  ...["cheekSquint", "noseSneer"].flatMap(both),
  "tongueOut",
];
