/**
 * Renderer of `grid` networks, in exact integers.
 *
 * Latent grids become features by doublings, level by level; a network maps the features of a pixel
 * to a colour. The finest level is rendered in strips of rows, so that its features are never all
 * in memory.
 */

import { ColourNetwork } from "../picture/colours.js";
import { clamp, tensorOf } from "../entropy/fixed_point.js";
import { Doubler, emptyPlane, LARGEST_FEATURE } from "./upsampling.js";

/** @typedef {import("../entropy/fixed_point.js").Weights} Weights */
/** @typedef {import("../grids/grids.js").Grid} Grid */
/** @typedef {import("../spec.js").Spec} Spec */
/** @typedef {import("./upsampling.js").Plane} Plane */
/** @typedef {Uint8Array | Uint16Array} Samples (height, width, channel) */

const STRIP_SAMPLES = 2 ** 14;
const ONE = 4096;

/** The features of the levels that are decoded so far, and their pixels. */
export class Synthesis {
  /**
   * @param {Spec} spec
   * @param {Weights} weights in fixed point
   */
  constructor(spec, weights) {
    this._spec = spec;
    this._weights = weights;
    this._margin = Math.max(5, spec.numLayers);
    this._colours = new ColourNetwork(spec, weights);
    /** @type {Plane[]} of the next coarser level */
    this._coarse = [];
    this._numChroma = spec.dimOut - 1;
  }

  /**
   * Render the picture at the size of a level; the next coarser level was added before.
   *
   * @param {number} level 0 for native size
   * @param {Grid[]} grids of this level
   * @param {number} depth bits of a sample, 8 or 16
   * @param {(done: number) => void} [onProgress] called now and then with the part that is done
   * @returns {Samples}
   */
  render(level, grids, depth, onProgress = () => {}) {
    const [height, width] = this._spec.gridSize(level);
    const count = height * width * this._spec.dimOut;
    const pixels = depth === 16 ? new Uint16Array(count) : new Uint8Array(count);
    const rows = Math.max(1, Math.floor(STRIP_SAMPLES / width));
    for (let top = 0; top < height; top += rows) {
      const bottom = Math.min(top + rows, height);
      const features = this._strip(level, grids, top, bottom);
      const strip = pixels.subarray(
        top * width * this._spec.dimOut,
        bottom * width * this._spec.dimOut,
      );
      this._colours.render(features, bottom - top, width, strip, depth);
      onProgress(bottom / height);
    }
    return pixels;
  }

  /**
   * Compute the features of a level with their margin, for the next finer level.
   *
   * @param {number} level
   * @param {Grid[]} grids of this level
   */
  add(level, grids) {
    const [height, width] = this._spec.gridSize(level);
    const planes = Array.from({ length: this._numFeatures(level) }, () =>
      emptyPlane([height, width], this._margin),
    );
    const window = { level, first: -this._margin, last: height + this._margin };
    this._fill(
      window,
      this._margin,
      grids,
      planes.map(({ values }) => values),
    );
    this._coarse = planes;
  }

  /**
   * @param {number} level
   * @returns {number} how many features the level has
   */
  _numFeatures(level) {
    return this._spec.numLevels - Math.max(level, this._spec.finest) + this._numChroma;
  }

  /**
   * Return the features of rows of a level with the margin that the 3x3 layers need.
   *
   * @param {number} level
   * @param {Grid[]} grids
   * @param {number} top
   * @param {number} bottom
   * @returns {Float64Array[]} all features, finest first
   */
  _strip(level, grids, top, bottom) {
    const margin = this._spec.numLayers;
    const [, width] = this._spec.gridSize(level);
    const size = (bottom - top + 2 * margin) * (width + 2 * margin);
    const planes = Array.from({ length: this._spec.numFeatures }, () => new Float64Array(size));
    const present = planes.slice(planes.length - this._numFeatures(level)); // the others are 0
    const window = { level, first: top - margin, last: bottom + margin };
    this._fill(window, margin, grids, present);
    if (level) {
      this._scaleAsIfDoubled(level, present);
    }
    return planes;
  }

  /**
   * Compute rows of the features of a level.
   *
   * @param {{level: number, first: number, last: number}} window rows, maybe outside the picture
   * @param {number} margin columns on each side
   * @param {Grid[]} grids
   * @param {(Float64Array | Int32Array)[]} planes
   */
  _fill(window, margin, grids, planes) {
    const { level } = window;
    const own = level >= this._spec.finest ? 1 : 0; // features that no coarser level has
    if (level < this._spec.numLevels - 1) {
      this._double(window, margin, planes.slice(own));
    }
    for (const grid of grids) {
      const plane = grid.pyramid ? planes.length - this._spec.dimOut + grid.pyramid : 0;
      addLatents(grid, window, margin, planes[plane]);
    }
  }

  /**
   * @param {{level: number, first: number, last: number}} window
   * @param {number} margin
   * @param {(Float64Array | Int32Array)[]} planes
   */
  _double({ level, first, last }, margin, planes) {
    const [, width] = this._spec.gridSize(level);
    const doubler = new Doubler(tensorOf(this._weights, `upsample.${level}`), width, margin);
    planes.forEach((plane, i) => {
      for (let y = first; y < last; y += 1) {
        doubler.writeRow(this._coarse[i], y, plane, (y - first) * (width + 2 * margin));
      }
    });
  }

  /**
   * Scale features by the gains of the doublings that are left out.
   *
   * @param {number} level
   * @param {Float64Array[]} planes
   */
  _scaleAsIfDoubled(level, planes) {
    let gain = 1;
    for (let stage = 0; stage < level; stage += 1) {
      const taps = tensorOf(this._weights, `upsample.${stage}`);
      gain *= (taps.reduce((sum, tap) => sum + tap, 0) / 2 ** 15) ** 2;
    }
    for (const plane of planes) {
      for (let i = 0; i < plane.length; i += 1) {
        plane[i] = clamp(Math.floor(plane[i] * gain), -LARGEST_FEATURE, LARGEST_FEATURE);
      }
    }
  }
}

/**
 * Add the latents of rows, in units of 2**-12; outside the picture they repeat its edge.
 *
 * @param {Grid} grid
 * @param {{first: number, last: number}} window
 * @param {number} margin
 * @param {Float64Array | Int32Array} plane
 */
function addLatents(grid, { first, last }, margin, plane) {
  const { height, width, values, stride, origin } = grid;
  let at = 0;
  for (let y = first; y < last; y += 1) {
    const row = origin + clamp(y, 0, height - 1) * stride;
    for (let x = -margin; x < width + margin; x += 1) {
      plane[at] += ONE * values[row + clamp(x, 0, width - 1)];
      at += 1;
    }
  }
}
