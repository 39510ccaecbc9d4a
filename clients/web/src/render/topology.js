/**
 * Which landmark is what on MediaPipe's 478-point face mesh. Left and right are the picture's;
 * arcs run from left to right unless said otherwise. (jamflow_rt/render/topology.py)
 */

export const LANDMARKS = 478;

/** The lips' arcs of 11 landmarks: the inner edge, and the ring before it. */
export const UPPER_LIP = {
  body: [62, 183, 42, 41, 38, 12, 268, 271, 272, 407, 292],
  inner: [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308],
};
export const LOWER_LIP = {
  body: [62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292],
  inner: [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308],
};

/**
 * @typedef {object} Eye
 * @property {number[]} upper Nine landmarks of the upper lid, from the outer to the inner corner.
 * @property {number[]} lower The same of the lower lid; both share the corners.
 * @property {number} iris Centre of the iris; the next four landmarks lie on its rim.
 */

/** @type {Eye[]} */
export const EYES = [
  {
    upper: [33, 246, 161, 160, 159, 158, 157, 173, 133],
    lower: [33, 7, 163, 144, 145, 153, 154, 155, 133],
    iris: 468,
  },
  {
    upper: [263, 466, 388, 387, 386, 385, 384, 398, 362],
    lower: [263, 249, 390, 373, 374, 380, 381, 382, 362],
    iris: 473,
  },
];
