/** First layer of the context model, prepared for the sums over a grid. */

import { fours, tensorOf } from "./fixed_point.js";
import { NUM_INPUTS, NUM_NEIGHBOURS } from "../neighbourhood.js";

/** @typedef {import("./fixed_point.js").Weights} Weights */
/** @typedef {import("../grids/grids.js").Grid} Grid */

// Of locations and scales: units a step, and half a step, which makes rounding down rounding.
export const LOCATION_STEP = 128;
export const SCALE_STEP = 512;
const HALVES = [LOCATION_STEP / 2, SCALE_STEP / 2 + 36 * SCALE_STEP];

/**
 * Return the first layer, a column for each neighbour and coarse feature.
 *
 * @param {Weights} weights
 * @param {number} units
 * @param {number} rows of a column: hidden units, padded, then the outputs, padded
 * @returns {Float64Array}
 */
export function firstLayer(weights, units, rows) {
  const matrix = tensorOf(weights, "context.first.weight");
  const numColumns = matrix.length / (units + 2);
  const layer = new Float64Array((numColumns - NUM_INPUTS + NUM_NEIGHBOURS) * rows);
  for (let column = 0; column < numColumns; column += 1) {
    const isCoarse = column >= NUM_INPUTS;
    if (column < NUM_NEIGHBOURS || isCoarse) {
      const place = isCoarse ? column - NUM_INPUTS + NUM_NEIGHBOURS : column;
      const values = columnOf(matrix, numColumns, column).map(
        (value) => value * 2 ** (isCoarse ? -11 : -3),
      );
      layer.set(inRows(values, units, rows), place * rows);
    }
  }
  return layer;
}

/**
 * Return what the first layer adds in a grid: its biases, its place, and halves of steps.
 *
 * @param {Weights} weights
 * @param {number} units
 * @param {number} rows
 * @param {Grid} grid
 * @param {number} index of the grid in the order of the file
 * @returns {Float64Array}
 */
export function firstBias(weights, units, rows, grid, index) {
  const matrix = tensorOf(weights, "context.first.weight");
  const numColumns = matrix.length / (units + 2);
  const level = columnOf(matrix, numColumns, NUM_NEIGHBOURS);
  const pyramid = columnOf(matrix, numColumns, NUM_NEIGHBOURS + 1);
  const last = tensorOf(weights, "context.last.bias").subarray(2 * index, 2 * index + 2);
  const biases = [
    ...tensorOf(weights, "context.first.bias"),
    ...last.map((value, i) => value + HALVES[i]),
  ];
  const placed = biases.map(
    (bias, i) =>
      bias + Math.floor((level[i] * grid.level + pyramid[i] * Math.min(grid.pyramid, 1)) / 8),
  );
  return inRows(placed, units, rows);
}

/**
 * @param {ArrayLike<number>} values of the hidden units, then of the outputs
 * @param {number} units
 * @param {number} rows
 * @returns {Float64Array} the same with zeros behind the hidden units
 */
function inRows(values, units, rows) {
  const result = new Float64Array(rows);
  result.set(Array.from(values).slice(0, units));
  result.set(Array.from(values).slice(units), fours(units));
  return result;
}

/**
 * @param {Float64Array} matrix
 * @param {number} numColumns
 * @param {number} column
 * @returns {Float64Array}
 */
function columnOf(matrix, numColumns, column) {
  const length = matrix.length / numColumns;
  return Float64Array.from({ length }, (_, row) => matrix[row * numColumns + column]);
}
