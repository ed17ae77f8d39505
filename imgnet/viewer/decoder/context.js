/**
 * Context model: the distribution of each latent from earlier ones, in exact integers.
 *
 * Most latents are 0, and sums pass over inputs that are 0. What the children of a parent have in
 * common, the sums over its neighbours and its coarse features, is computed once: their base.
 */

import { LOCATIONS, NUM_SCALES } from "./distributions.js";
import { accumulate, clamp, fours, padded, tensorOf, transposed } from "./fixed_point.js";
import { CAUSAL, NUM_INPUTS, NUM_NEIGHBOURS, PARENTS } from "./neighbourhood.js";
import { coarseName } from "./spec.js";

/** @typedef {import("./fixed_point.js").Weights} Weights */
/** @typedef {import("./grids.js").Grid} Grid */
/** @typedef {import("./neighbourhood.js").Offset} Offset */
/** @typedef {import("./spec.js").Spec} Spec */

export const LARGEST_LATENT = 4096;
const LARGEST_HIDDEN = 2 ** 24 - 1;
const LARGEST_COARSE = 2 ** 23; // in units of 2**-8
const LARGEST_LOCATION = LARGEST_LATENT * LOCATIONS;
// Of locations and scales: units a step, and half a step, which makes rounding down rounding.
const LOCATION_STEP = 128;
const SCALE_STEP = 512;
const HALVES = [LOCATION_STEP / 2, SCALE_STEP / 2 + 36 * SCALE_STEP];

/** The context model of one grid. */
export class GridContext {
  /**
   * @param {Spec} spec
   * @param {Weights} weights in fixed point
   * @param {Grid} grid
   * @param {Grid[]} earlier all grids before it, in the order of the file
   */
  constructor(spec, weights, grid, earlier) {
    const units = spec.dimContext;
    this._units = fours(units);
    /** Numbers of a base: the sums of the hidden units, of the two outputs, and zeros. */
    this.baseSize = this._units + 4;
    this._first = firstLayer(weights, units, this.baseSize);
    this._bias = firstBias(weights, units, this.baseSize, grid, earlier.length);
    const second = tensorOf(weights, "context.second.weight");
    this._second = transposed(second, units, this._units, 2 ** -15);
    this._secondBias = padded(tensorOf(weights, "context.second.bias"), this._units);
    const last = tensorOf(weights, "context.last.weight").map((weight) => weight * 2 ** -15);
    this._toLocation = padded(last.subarray(0, units), this._units);
    this._toScale = padded(last.subarray(units), this._units);

    this._values = grid.values;
    this._causal = shiftsOf(CAUSAL, grid.stride);
    this._parent = earlier.find((other) => isParent(other, grid));
    this._ofParent = shiftsOf(PARENTS, this._parent?.stride ?? 0);
    this._coarse = coarseMap(weights, grid, earlier);

    this._inputs = new Float64Array(NUM_NEIGHBOURS + spec.dimCoarse); // those that are not 0
    this._columns = new Int32Array(NUM_NEIGHBOURS + spec.dimCoarse); // where their weights begin
    this._sums = new Float64Array(this.baseSize);
    this._hidden = new Float64Array(this._units);
    this._active = new Float64Array(this._units); // hidden units that are not 0
    this._activeColumns = new Int32Array(this._units);
    /** Location of the last prediction in 1/32, -131072..131072. */
    this.location = 0;
    /** Index of the scale of the last prediction, 0..75. */
    this.scale = 0;
  }

  /**
   * Compute the base of the children of a parent.
   *
   * @param {number} y of the parent
   * @param {number} x of the parent
   * @param {Float64Array} bases where the base goes
   * @param {number} at its index
   */
  computeBase(y, x, bases, at) {
    let count = this._parent ? this._gatherParents(this._parent, y, x) : 0;
    count = this._coarse ? this._gatherCoarse(this._coarse, y, x, count) : count;
    const { _inputs: inputs, _columns: columns, baseSize } = this;
    accumulate(this._bias, 0, inputs, columns, count, this._first, baseSize, bases, at);
  }

  /**
   * Collect the causal neighbours of a latent for `predict`.
   *
   * @param {number} centre index of the latent
   * @returns {number} how many are not 0
   */
  gather(centre) {
    const { _values: values, _causal: causal, _inputs: inputs, _columns: columns } = this;
    let count = 0;
    for (let i = 0; i < causal.length; i += 1) {
      const value = values[centre + causal[i]];
      if (value !== 0) {
        inputs[count] = value;
        columns[count] = i * this.baseSize;
        count += 1;
      }
    }
    return count;
  }

  /**
   * Set `location` and `scale` from the neighbours that `gather` has found.
   *
   * @param {number} count of them
   * @param {Float64Array} bases
   * @param {number} at index of the base of the parent
   */
  predict(count, bases, at) {
    const { _sums: sums, _units: units, baseSize, _inputs: inputs, _columns: columns } = this;
    accumulate(bases, at, inputs, columns, count, this._first, baseSize, sums, 0);
    const location = Math.floor(sums[units]);
    const scale = Math.floor(sums[units + 1]);
    const active = this._activate();
    const { _active: values, _activeColumns: of, _second: second } = this;
    accumulate(this._secondBias, 0, values, of, active, second, units, sums, 0);
    this._finish(location, scale);
  }

  /** @returns {number} how many hidden units are not 0 after the first layer */
  _activate() {
    const { _sums: sums, _units: units, _hidden: hidden, _active: active } = this;
    const columns = this._activeColumns;
    let count = 0;
    for (let i = 0; i < units; i += 1) {
      const unit = clamp(Math.floor(sums[i]), 0, LARGEST_HIDDEN);
      hidden[i] = unit;
      if (unit !== 0) {
        active[count] = unit;
        columns[count] = i * units;
        count += 1;
      }
    }
    return count;
  }

  /**
   * Add the residual and map the hidden units to the outputs.
   *
   * @param {number} location what the first layer contributes
   * @param {number} scale
   */
  _finish(location, scale) {
    const { _sums: sums, _units: units, _hidden: hidden } = this;
    const { _toLocation: toLocation, _toScale: toScale } = this;
    let first = 0;
    let second = 0;
    for (let i = 0; i < units; i += 1) {
      const unit = hidden[i] + clamp(Math.floor(sums[i]), 0, LARGEST_HIDDEN);
      first += unit * toLocation[i];
      second += unit * toScale[i];
    }
    const steps = Math.floor((location + Math.floor(first)) / LOCATION_STEP);
    this.location = clamp(steps, -LARGEST_LOCATION, LARGEST_LOCATION);
    this.scale = clamp(Math.floor((scale + Math.floor(second)) / SCALE_STEP), 0, NUM_SCALES - 1);
  }

  /**
   * @param {Grid} parent
   * @param {number} y
   * @param {number} x
   * @returns {number}
   */
  _gatherParents(parent, y, x) {
    const centre = parent.origin + y * parent.stride + x;
    let count = 0;
    for (let i = 0; i < PARENTS.length; i += 1) {
      const value = parent.values[centre + this._ofParent[i]];
      if (value !== 0) {
        this._inputs[count] = value;
        this._columns[count] = (CAUSAL.length + i) * this.baseSize;
        count += 1;
      }
    }
    return count;
  }

  /**
   * @param {CoarseMap} coarse
   * @param {number} y
   * @param {number} x
   * @param {number} before inputs that are there already
   * @returns {number}
   */
  _gatherCoarse(coarse, y, x, before) {
    const features = coarse.featuresAt(y, x);
    let count = before;
    for (let i = 0; i < features.length; i += 1) {
      if (features[i] !== 0) {
        this._inputs[count] = features[i];
        this._columns[count] = (NUM_NEIGHBOURS + i) * this.baseSize;
        count += 1;
      }
    }
    return count;
  }
}

/** Coarse features of the latents of a grid: linear maps of all coarser grids at their place. */
class CoarseMap {
  /**
   * @param {Float64Array} matrix (features, grids)
   * @param {Grid} grid
   * @param {Grid[]} sources
   */
  constructor(matrix, grid, sources) {
    this._count = matrix.length / sources.length;
    this._rows = fours(this._count);
    this._weights = transposed(matrix, sources.length, this._rows, 2 ** -7);
    this._sources = sources;
    this._shifts = sources.map(({ level }) => level - grid.level - 1); // from the parent
    this._values = new Float64Array(sources.length);
    this._columns = new Int32Array(sources.length);
    this._zeros = new Float64Array(this._rows);
    this._features = new Float64Array(this._rows);
  }

  /**
   * Return the features at a parent, in units of 1/256.
   *
   * @param {number} y
   * @param {number} x
   * @returns {Float64Array}
   */
  featuresAt(y, x) {
    const { _values: values, _columns: columns, _features: features, _rows: rows } = this;
    let count = 0;
    for (let i = 0; i < this._sources.length; i += 1) {
      const source = this._sources[i];
      const shift = this._shifts[i];
      const latent = source.values[source.origin + (y >> shift) * source.stride + (x >> shift)];
      if (latent !== 0) {
        values[count] = latent;
        columns[count] = i * rows;
        count += 1;
      }
    }
    accumulate(this._zeros, 0, values, columns, count, this._weights, rows, features, 0);
    for (let i = 0; i < rows; i += 1) {
      features[i] = clamp(Math.floor(features[i]), -LARGEST_COARSE, LARGEST_COARSE);
    }
    return features.subarray(0, this._count);
  }
}

/**
 * @param {Weights} weights
 * @param {Grid} grid
 * @param {Grid[]} earlier
 * @returns {CoarseMap | null} null if the grid has no coarse features
 */
function coarseMap(weights, grid, earlier) {
  const matrix = weights.get(coarseName(grid.pyramid, grid.level));
  const coarser = earlier.filter(({ level }) => level > grid.level);
  return matrix ? new CoarseMap(matrix, grid, coarser) : null;
}

/**
 * Return the first layer, a column for each neighbour and coarse feature.
 *
 * @param {Weights} weights
 * @param {number} units
 * @param {number} rows of a column: hidden units, padded, then the outputs, padded
 * @returns {Float64Array}
 */
function firstLayer(weights, units, rows) {
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
function firstBias(weights, units, rows, grid, index) {
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

/**
 * @param {Offset[]} offsets
 * @param {number} stride
 * @returns {Int32Array}
 */
function shiftsOf(offsets, stride) {
  return Int32Array.from(offsets, ([dy, dx]) => dy * stride + dx);
}

/**
 * @param {Grid} other
 * @param {Grid} grid
 * @returns {boolean}
 */
function isParent(other, grid) {
  return other.pyramid === grid.pyramid && other.level === grid.level + 1;
}
