/** Names and shapes of the parameters of a network. */

import { NUM_INPUTS } from "./neighbourhood.js";

/** @typedef {import("./spec.js").Spec} Spec */
/** @typedef {Map<string, number[]>} Shapes by the name of a tensor, in the order of the file */
/** @typedef {[string, number[]][]} Named */

export const MLP_FREQUENCIES = 16;

/**
 * Map the name of each tensor except latent grids to its shape.
 *
 * @param {Spec} spec
 * @returns {Shapes}
 */
export function networkShapes(spec) {
  return new Map(NETWORK_SHAPES[spec.family](spec));
}

/**
 * Count the octaves of the Fourier features of `gated` on an axis.
 *
 * @param {number} length in pixels
 * @returns {number}
 */
export function numFrequencies(length) {
  return 33 - Math.clz32(length);
}

/**
 * @param {number} pyramid
 * @param {number} level
 * @returns {string}
 */
export function latentsName(pyramid, level) {
  return `latents.${pyramid}.${level}`;
}

/**
 * @param {number} pyramid
 * @param {number} level
 * @returns {string}
 */
export function coarseName(pyramid, level) {
  return `context.coarse.${pyramid}.${level}`;
}

/**
 * @param {number[]} shape
 * @returns {number}
 */
export function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function gridShapes(spec) {
  const { dimHidden, dimOut, numFeatures } = spec;
  return [
    .../** @type {Named} */ (
      Array.from({ length: spec.numLevels - 1 }, (_, level) => [`upsample.${level}`, [4]])
    ),
    ["hidden.weight", [dimHidden, numFeatures]],
    ["hidden.bias", [dimHidden]],
    ["output.weight", [dimOut, dimHidden]],
    ["linear.weight", [dimOut, numFeatures]],
    ["linear.bias", [dimOut]],
    ...repeated(spec.numLayers, (i) => [
      [`residuals.${i}.weight`, [dimOut, 9 * dimOut]],
      [`residuals.${i}.bias`, [dimOut]],
      [`residuals.${i}.alpha`, [dimOut]],
    ]),
    ...contextShapes(spec),
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function contextShapes(spec) {
  const { dimContext, dimCoarse } = spec;
  const grids = spec.grids();
  /** @type {Named} */
  const coarse = grids
    .filter(([, level]) => dimCoarse && level < spec.numLevels - 1)
    .sort((one, other) => one[0] - other[0] || other[1] - one[1])
    .map(([pyramid, level]) => [
      coarseName(pyramid, level),
      [dimCoarse, spec.coarserGrids(level).length],
    ]);
  return [
    ["context.first.weight", [dimContext + 2, NUM_INPUTS + dimCoarse]],
    ["context.first.bias", [dimContext]],
    ["context.second.weight", [dimContext, dimContext]],
    ["context.second.bias", [dimContext]],
    ["context.last.weight", [2, dimContext]],
    ["context.last.bias", [grids.length, 2]],
    ...coarse,
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function gatedShapes(spec) {
  const { dimAxis, dimHidden } = spec;
  return [
    ...gatedLayer("axis_x", numFrequencies(spec.width), dimAxis),
    ...gatedLayer("axis_y", numFrequencies(spec.height), dimAxis),
    ...gatedLayer("joint", 2 * dimAxis, dimHidden),
    ...repeated(spec.numLayers, (i) => [
      ...gatedLayer(`blocks.${i}.0`, dimHidden, dimHidden),
      ...gatedLayer(`blocks.${i}.1`, dimHidden, dimHidden),
      [`blocks.${i}.alpha`, [1]],
    ]),
    ...outputLayer(spec),
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function mlpShapes(spec) {
  const { dimHidden } = spec;
  return [
    ...repeated(spec.numLayers, (i) => [
      [`layers.${i}.weight`, [dimHidden, i ? dimHidden : 4 * MLP_FREQUENCIES]],
      [`layers.${i}.bias`, [dimHidden]],
    ]),
    ...outputLayer(spec),
  ];
}

/**
 * Return the tensors of a gated layer; rows 0..d of its matrix are Q, then follow K and V.
 *
 * @param {string} name
 * @param {number} dimIn
 * @param {number} dimOut
 * @returns {Named}
 */
function gatedLayer(name, dimIn, dimOut) {
  return [
    [`${name}.weight`, [3 * dimOut, dimIn]],
    [`${name}.bias`, [3 * dimOut]],
    [`${name}.shift`, [dimOut]],
  ];
}

/**
 * @param {Spec} spec
 * @returns {Named}
 */
function outputLayer(spec) {
  return [
    ["output.weight", [spec.dimOut, spec.dimHidden]],
    ["output.bias", [spec.dimOut]],
  ];
}

/**
 * @param {number} count
 * @param {(i: number) => Named} shapesOf
 * @returns {Named}
 */
function repeated(count, shapesOf) {
  return Array.from({ length: count }, (_, i) => shapesOf(i)).flat();
}

/** @type {Record<string, (spec: Spec) => Named>} */
const NETWORK_SHAPES = { grid: gridShapes, gated: gatedShapes, mlp: mlpShapes };
