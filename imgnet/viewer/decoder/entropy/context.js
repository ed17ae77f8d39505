/**
 * Context model: the distribution of each latent from earlier ones, in exact integers.
 *
 * Most latents are 0, and sums pass over inputs that are 0. What the children of a parent have in
 * common, the sums over its neighbours and its coarse features, is computed once: their base.
 */

import { coarseMap } from "./coarse_features.js";
import { firstBias, firstLayer, LOCATION_STEP, SCALE_STEP } from "./context_layer.js";
import { LOCATIONS, NUM_SCALES } from "./distributions.js";
import { accumulate, clamp, fours, padded, tensorOf, transposed } from "./fixed_point.js";
import { CAUSAL, NUM_NEIGHBOURS, PARENTS } from "../neighbourhood.js";

/** @typedef {import("./fixed_point.js").Weights} Weights */
/** @typedef {import("../grids/grids.js").Grid} Grid */
/** @typedef {import("../neighbourhood.js").Offset} Offset */
/** @typedef {import("../spec.js").Spec} Spec */

export const LARGEST_LATENT = 4096;
const LARGEST_HIDDEN = 2 ** 24 - 1;
const LARGEST_LOCATION = LARGEST_LATENT * LOCATIONS;

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
   * @param {import("./coarse_features.js").CoarseMap} coarse
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
