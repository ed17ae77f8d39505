/** Coordinate network in the memory of a kernel, which renders bands of rows of a picture. */

import { rint, tensorOf } from "../entropy/fixed_point.js";
import { fastestKernel } from "./kernel.js";
import { groupsOf, Layer, numbersOf, reserveRows } from "./layers.js";
import { featureOf, numFeatures } from "./positions.js";
import { HEAD, ROWS, TILE } from "./tile.js";

/** @typedef {import("./kernel.js").Kernel} Kernel */
/** @typedef {import("./layers.js").Numbers} Numbers */
/** @typedef {import("../format/container.js").Parameters} Parameters */
/** @typedef {import("../spec.js").Sizes} Sizes */

/** @typedef {Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>} Samples */

/** Rows of a band. */
export const BAND = TILE;

/** A network for pictures at the sizes of levels. */
export class CoordinateNetwork {
  /**
   * @param {Sizes} sizes
   * @param {Parameters} parameters
   * @param {Kernel} [kernel]
   */
  constructor(sizes, parameters, kernel = fastestKernel()) {
    const { family, width, dimAxis, dimHidden, numLayers } = sizes;
    this._sizes = sizes;
    this._kernel = kernel;
    this._isGated = family === "gated";
    const first = numbersOf(parameters, this._isGated ? "joint" : "layers.0");
    const [halfX, halfY] = halves(first);
    this._x = new Axis(kernel, sizes, parameters, "x", halfX);
    this._y = new Axis(kernel, sizes, parameters, "y", halfY);
    this._shift = first.shift;
    const layer = (/** @type {"gated" | "leaky" | "affine"} */ kind, /** @type {string} */ name) =>
      new Layer(kernel, kind, numbersOf(parameters, name));
    this._blocks = !this._isGated
      ? []
      : Array.from({ length: numLayers }, (_, i) => ({
          first: layer("gated", `blocks.${i}.0`),
          second: layer("gated", `blocks.${i}.1`),
          alpha: placed(kernel, tensorOf(parameters, `blocks.${i}.alpha`)),
        }));
    this._layers = this._isGated
      ? []
      : Array.from({ length: numLayers - 1 }, (_, i) => layer("leaky", `layers.${i + 1}`));
    this._output = layer("affine", "output");
    this._columns = kernel.reserve(Math.ceil(width / TILE) * this._x.size);
    this._rows = kernel.reserve(this._y.size);
    this._heads = kernel.reserve(this._y.groups * HEAD);
    this._sums = reserveRows(kernel, ROWS * Math.max(dimHidden, dimAxis));
    this._buffers = Array.from({ length: 3 }, () => reserveRows(kernel, dimHidden));
    this._colours = reserveRows(kernel, this._output.outputs);
    this._step = 0;
  }

  /**
   * Take the size of a level; below native size a pixel is one sample of a square.
   *
   * @param {number} level
   */
  setLevel(level) {
    this._step = 2 ** level;
    for (let x = 0; x < this._width; x += TILE) {
      this._x.project(x, this._step, this._columns + (x / TILE) * this._x.size, this._sums);
    }
  }

  /** Bands of the picture. */
  get numBands() {
    return Math.ceil(this._height / BAND);
  }

  get _width() {
    return Math.ceil(this._sizes.width / this._step);
  }

  get _height() {
    return Math.ceil(this._sizes.height / this._step);
  }

  /**
   * Render a band.
   *
   * @param {number} band
   * @param {number} depth bits of a sample, 8 or 16
   * @returns {Samples} (row, column, channel)
   */
  render(band, depth) {
    const { dimOut } = this._sizes;
    const count = Math.min(BAND, this._height - BAND * band);
    const rowSize = this._width * dimOut;
    const samples = new (depth === 16 ? Uint16Array : Uint8Array)(count * rowSize);
    this._y.project(BAND * band, this._step, this._rows, this._sums);
    for (let row = 0; row < count; row += 1) {
      this._readHeads(row);
      for (let x = 0; x < this._width; x += TILE) {
        this._renderTile(this._columns + (x / TILE) * this._x.size);
        const width = Math.min(TILE, this._width - x);
        const at = row * rowSize + x * dimOut;
        this._quantize(samples.subarray(at, at + width * dimOut), 2 ** depth - 1);
      }
    }
    return samples;
  }

  /**
   * Make heads of what a row of the band contributes to the first joint layer.
   *
   * @param {number} row
   */
  _readHeads(row) {
    const { floats } = this._kernel;
    for (let group = 0; group < this._y.groups; group += 1) {
      const head = this._heads + HEAD * group;
      for (let i = 0; i < ROWS; i += 1) {
        floats[head + i] = floats[this._rows + TILE * (ROWS * group + i) + row];
      }
      floats[head + ROWS] = this._shift[group] ?? 0;
    }
  }

  /** @param {number} columns address of what they contribute to the first joint layer */
  _renderTile(columns) {
    const { _kernel: kernel, _heads: heads, _sums: sums } = this;
    const [hidden, inner, residual] = this._buffers;
    let [now, next] = [hidden, inner];
    kernel[this._isGated ? "gatedSum" : "leakySum"](heads, this._y.groups, columns, hidden);
    for (const { first, second, alpha } of this._blocks) {
      first.run(hidden, inner, sums);
      second.run(inner, residual, sums);
      kernel.addScaled(hidden, residual, alpha, second.outputs);
    }
    for (const layer of this._layers) {
      layer.run(now, next, sums);
      [now, next] = [next, now];
    }
    this._output.run(now, this._colours, sums);
  }

  /**
   * Round the sigmoid of the colours of a tile.
   *
   * @param {Samples} samples
   * @param {number} peak
   */
  _quantize(samples, peak) {
    const { floats } = this._kernel;
    const { dimOut } = this._sizes;
    for (let i = 0; i < samples.length; i += 1) {
      const colour = floats[this._colours + TILE * (i % dimOut) + Math.floor(i / dimOut)];
      samples[i] = rint(peak / (1 + Math.exp(-colour)));
    }
  }
}

/** What the positions of an axis contribute to the first joint layer. */
class Axis {
  /**
   * @param {Kernel} kernel
   * @param {Sizes} sizes
   * @param {Parameters} parameters
   * @param {"x" | "y"} name
   * @param {Numbers} half of the first joint layer
   */
  constructor(kernel, { family, width, height, dimAxis }, parameters, name, half) {
    this._kernel = kernel;
    this._family = family;
    this._length = name === "x" ? width : height;
    this._numFeatures = numFeatures(family, this._length);
    this._features = reserveRows(kernel, this._numFeatures);
    this._hidden = this._features;
    /** @type {Layer | null} */
    this._layer = null;
    if (family === "gated") {
      this._layer = new Layer(kernel, "gated", numbersOf(parameters, `axis_${name}`));
      this._hidden = reserveRows(kernel, dimAxis);
    }
    const groups = groupsOf(family === "gated" ? "gated" : "leaky", half.bias.length);
    this._joint = new Layer(kernel, "affine", half, groups);
    this.groups = groups.length;
    /** Numbers of a tile of positions. */
    this.size = this._joint.outputs * TILE;
  }

  /**
   * @param {number} first sample of a tile
   * @param {number} step pixels from one sample to the next
   * @param {number} output address of three rows a group
   * @param {number} sums address of rows for those of a gated layer
   */
  project(first, step, output, sums) {
    for (let i = 0; i < this._numFeatures; i += 1) {
      for (let j = 0; j < TILE; j += 1) {
        const position = (first + j + 0.5) * step - 0.5;
        const feature = featureOf(this._family, i, position, this._length);
        this._kernel.floats[this._features + TILE * i + j] = feature;
      }
    }
    this._layer?.run(this._features, this._hidden, sums);
    this._joint.run(this._hidden, output, sums);
  }
}

/**
 * Split the first joint layer into the parts of both axes, of which y has the bias.
 *
 * @param {Numbers} layer
 * @returns {Numbers[]}
 */
function halves({ weights, bias }) {
  const inputs = weights.length / bias.length;
  return [0, 1].map((half) => ({
    weights: weights.filter((_, i) => Math.floor((i % inputs) / (inputs / 2)) === half),
    bias: half ? bias : new Float64Array(bias.length),
    shift: [],
  }));
}

/**
 * @param {Kernel} kernel
 * @param {Float64Array} numbers
 * @returns {number} their address
 */
function placed(kernel, numbers) {
  const address = kernel.reserve(numbers.length);
  kernel.floats.set(numbers, address);
  return address;
}
