/** The sign that a picture was made by a machine, as numbers. (jamflow_rt/render/badge.py) */

/** Of the badge, as a share of the picture's height. */
const HEIGHT = 0.05;
/** Pixels below which the letters cannot be read. */
const LEAST_HEIGHT = 15;
/** Between the badge and the picture's edges, as a share of the badge's height. */
const MARGIN = 0.4;
const WIDTH = 1.7;
const CORNER = 0.28;
/** Opacity, and grey of 255. */
const PLATE = { opacity: 0.6, grey: 16 };
const LETTERS = { opacity: 0.92, grey: 255 };
/** Points that are looked at along each side of a pixel: smooth edges. */
const FINE = 4;

// Letters in a square of 1 by 1 from the badge's middle, by polygons: no font is needed.
const [TOP, FOOT, STEM] = [-0.27, 0.27, 0.11];
/** @typedef {[number, number][]} Polygon */
/** @type {Polygon[]} */
const WITHIN = [
  [
    [-0.46, FOOT],
    [-0.22, TOP],
    [-0.09, TOP],
    [0.15, FOOT],
  ],
  [
    [0.27, TOP],
    [0.27 + STEM, TOP],
    [0.27 + STEM, FOOT],
    [0.27, FOOT],
  ],
];
/** @type {Polygon[]} */
const WITHOUT = [
  [
    [-0.335, FOOT],
    [-0.29, 0.16],
    [-0.02, 0.16],
    [0.025, FOOT],
  ],
  [
    [-0.252, 0.065],
    [-0.155, -0.17],
    [-0.058, 0.065],
  ],
];

/**
 * Where the badge lies in a square picture.
 *
 * @param {number} size Of the picture, in pixels.
 * @returns {{left: number, top: number, width: number, height: number}} In pixels.
 */
export function badgeBox(size) {
  const height = Math.min(Math.max(LEAST_HEIGHT, Math.round(HEIGHT * size)), size);
  const width = Math.min(Math.round(WIDTH * height), size);
  const margin = Math.round(MARGIN * height);
  const [right, bottom] = [Math.max(width, size - margin), Math.max(height, size - margin)];
  return { left: right - width, top: bottom - height, width, height };
}

/**
 * @param {number} width In pixels.
 * @param {number} height In pixels.
 * @returns {Uint8Array<ArrayBuffer>} RGBA, alpha multiplied in, from the top row on.
 */
export function badgePixels(width, height) {
  const pixels = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { plate, letters } = share(x, y, width, height);
      const above = letters * LETTERS.opacity;
      const below = plate * PLATE.opacity * (1 - above);
      const grey = Math.round(above * LETTERS.grey + below * PLATE.grey);
      pixels.set([grey, grey, grey, Math.round(255 * (above + below))], 4 * (y * width + x));
    }
  }
  return pixels;
}

/**
 * How much of a pixel lies in the plate, and in the letters.
 *
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 * @returns {{plate: number, letters: number}} 0…1
 */
function share(left, top, width, height) {
  let [plate, letters] = [0, 0];
  for (let n = 0; n < FINE * FINE; n++) {
    // In heights of the badge, from its middle.
    const x = (left + ((n % FINE) + 0.5) / FINE - width / 2) / height;
    const y = (top + (Math.floor(n / FINE) + 0.5) / FINE - height / 2) / height;
    plate += Number(inPlate(x, y, width / height));
    letters += Number(inLetters(x, y));
  }
  return { plate: plate / FINE ** 2, letters: letters / FINE ** 2 };
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} wide
 */
function inPlate(x, y, wide) {
  const right = Math.max(0, Math.abs(x) - wide / 2 + CORNER);
  const down = Math.max(0, Math.abs(y) - 0.5 + CORNER);
  return Math.hypot(right, down) <= CORNER;
}

/**
 * @param {number} x
 * @param {number} y
 */
function inLetters(x, y) {
  // Most points lie above or below.
  if (y < TOP || y > FOOT) return false;
  const within = (/** @type {Polygon} */ shape) => inside(shape, x, y);
  return WITHIN.some(within) && !WITHOUT.some(within);
}

/**
 * @param {Polygon} polygon
 * @param {number} x
 * @param {number} y
 */
function inside(polygon, x, y) {
  let within = false;
  let [x1, y1] = polygon[polygon.length - 1];
  for (const [x2, y2] of polygon) {
    // Each edge that is crossed on the way to the right.
    if (y1 > y !== y2 > y && x < x1 + ((y - y1) * (x2 - x1)) / (y2 - y1)) within = !within;
    [x1, y1] = [x2, y2];
  }
  return within;
}
