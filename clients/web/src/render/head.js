/** How far a head of flat layers may move. (jamflow_rt/render/mesh.py) */

/** @typedef {import("./motion_space.js").FaceState} FaceState */

// Layers are painted, not modelled: beyond these a flat layer would show itself. Smaller movements
// pass nearly unchanged.
/** Radians: nod, shake, tilt. */
const TURN_LIMIT = [0.35, 0.55, 0.45];
/** Centimetres. */
const SHIFT_LIMIT = 2.5;
/** Natural logarithm. */
const SCALE_LIMIT = 0.2;

/**
 * @param {number} value
 * @param {number} limit
 */
function soft(value, limit) {
  return limit * Math.tanh(value / limit);
}

/**
 * The movement of a head, within what layers can show.
 *
 * @param {FaceState} face
 * @returns {{turn: number[], slide: number[]}} Two rows of scale · rotation, and the shift.
 */
export function headMotion({ rotation, translation, scale }) {
  const vector = rotation.map((angle, n) => soft(angle, TURN_LIMIT[n]));
  const angle = Math.hypot(...vector);
  const [x, y, z] = vector.map((part) => (angle > 1e-9 ? part / angle : 0));
  const size = Math.exp(soft(Math.log(scale), SCALE_LIMIT));
  const sine = size * Math.sin(angle);
  const cosine = size * Math.cos(angle);
  const rest = size - cosine;
  return {
    turn: [
      ...[cosine + rest * x * x, rest * x * y - sine * z, rest * x * z + sine * y],
      ...[rest * x * y + sine * z, cosine + rest * y * y, rest * y * z - sine * x],
    ],
    slide: translation.map((part) => soft(part, SHIFT_LIMIT)),
  };
}
