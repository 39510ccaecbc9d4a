/** Surfaces that are functions of their coefficients: each coefficient becomes a morph target. */

import * as THREE from "three";

/** @typedef {Record<string, number>} Weights What the coefficients are; those missing are 0. */
/** @typedef {(u: number, v: number, weight: (name: string) => number) => number[]} Place */

/**
 * A mesh over u and v from 0 to 1.
 *
 * @param {THREE.Material} material
 * @param {string[]} names The coefficients that move it.
 * @param {[number, number]} cells Along u and v.
 * @param {Place} place x, y, z of a point.
 * @returns {THREE.Mesh}
 */
export function surface(material, names, [columns, rows], place) {
  const points = (/** @type {Weights} */ weights) => {
    const weight = (/** @type {string} */ name) => weights[name] ?? 0;
    const numbers = [];
    for (let row = 0; row <= rows; row++) {
      for (let column = 0; column <= columns; column++) {
        numbers.push(...place(column / columns, row / rows, weight));
      }
    }
    return numbers;
  };
  const rest = points({});
  const corners = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const a = row * (columns + 1) + column;
      const below = a + columns + 1;
      corners.push(a, below, a + 1, a + 1, below, below + 1);
    }
  }
  const geometry = new THREE.BufferGeometry();
  geometry.setAttribute("position", new THREE.Float32BufferAttribute(rest, 3));
  geometry.setIndex(corners);
  geometry.computeVertexNormals();
  geometry.morphTargetsRelative = true;
  const targets = names.map((name) => {
    const shift = points({ [name]: 1 }).map((value, n) => value - rest[n]);
    const attribute = new THREE.Float32BufferAttribute(shift, 3);
    attribute.name = name;
    return attribute;
  });
  // An empty list is more than three.js can draw.
  if (targets.length) geometry.morphAttributes.position = targets;
  const mesh = new THREE.Mesh(geometry, material);
  // Morphs go further than the box around the mesh at rest.
  mesh.frustumCulled = false;
  return mesh;
}
