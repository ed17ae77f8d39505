/** Rate map: the bits of the latents of a file, spread over its pixels. */

import { LOCATIONS, TABLES, TOTAL } from "../entropy/distributions.js";
import { clamp, rint } from "../entropy/fixed_point.js";
import { REACHES, readGrids } from "../entropy/wavefront.js";

/** @typedef {import("../grids/grids.js").Grid} Grid */
/** @typedef {import("../grids/kept_grids.js").Network} Network */
/** @typedef {import("../spec.js").Spec} Spec */

const BRIGHTEST = 0.99; // part of the pixels that no colour has to tell apart from brighter ones

/**
 * Return the bits that the latents of each pixel take, by the context model of the file.
 *
 * @param {Spec} spec
 * @param {Network} network
 * @param {(done: number) => void} onProgress called now and then with the part that is done
 * @returns {Float64Array} (height, width) bits a pixel, without what escapes cost more
 */
export function rateMap(spec, { weights, grids }, onProgress) {
  const [rows, columns] = spec.gridSize(spec.numLevels);
  let total = new Float64Array(rows * columns);
  for (let level = spec.numLevels - 1; level >= 0; level -= 1) {
    total = doubled(total, spec, level);
    const earlier = grids.filter((grid) => grid.level > level);
    const own = grids.filter((grid) => grid.level === level);
    if (own.length) {
      const meters = own.map((grid) => new Meter(grid));
      const meterOf = (/** @type {Grid} */ grid) => meters[own.indexOf(grid)];
      const before = 4 ** -(level + 1);
      readGrids(spec, weights, earlier, own, meterOf, (part) =>
        onProgress(before * (1 + 3 * part)),
      );
      meters.forEach(({ bits }, i) => spread(bits, own[i], spec, total));
    }
  }
  return total;
}

/**
 * Return the bits a pixel from which on a rate map has its brightest colour.
 *
 * @param {Float64Array} bpp
 * @returns {number}
 */
export function brightest(bpp) {
  const sorted = bpp.slice().sort();
  const position = (sorted.length - 1) * BRIGHTEST;
  const below = sorted[Math.floor(position)];
  return below + (sorted[Math.ceil(position)] - below) * (position % 1);
}

/**
 * Draw bits a pixel: dark where there are none, bright where there are many.
 *
 * @param {Float64Array} bpp
 * @param {number} most bits a pixel of the brightest colour
 * @param {Uint8Array} ramp colours from dark to bright, three samples each
 * @returns {Uint8ClampedArray<ArrayBuffer>} red, green, blue and opacity of each pixel
 */
export function drawRateMap(bpp, most, ramp) {
  const rgba = new Uint8ClampedArray(4 * bpp.length).fill(255);
  const steps = ramp.length / 3 - 1;
  for (let i = 0; i < bpp.length; i += 1) {
    const colour = 3 * rint(clamp(bpp[i] / (most || 1), 0, 1) * steps);
    rgba[4 * i] = ramp[colour];
    rgba[4 * i + 1] = ramp[colour + 1];
    rgba[4 * i + 2] = ramp[colour + 2];
  }
  return rgba;
}

/** A reader of latents that are known, which notes the ideal code length of each. */
class Meter {
  /** @param {Grid} grid */
  constructor({ values }) {
    this._values = values;
    this.bits = new Float32Array(values.length);
  }

  /**
   * @param {number} location in 1/32
   * @param {number} scale index
   * @param {number} at index of the latent
   * @returns {number} its value
   */
  read(location, scale, at) {
    const table = TABLES.of(scale, location & (LOCATIONS - 1));
    const escape = 2 * REACHES[scale] + 2;
    const symbol = this._values[at] - (location >> 5) + REACHES[scale];
    const slots = symbol >= 0 && symbol < escape ? table[symbol + 1] - table[symbol] : 1;
    this.bits[at] = Math.log2(TOTAL / slots);
    return this._values[at];
  }
}

/**
 * Repeat each number over the pixels of the next finer level.
 *
 * @param {Float64Array} coarse
 * @param {Spec} spec
 * @param {number} level the finer one
 * @returns {Float64Array<ArrayBuffer>}
 */
function doubled(coarse, spec, level) {
  const [height, width] = spec.gridSize(level);
  const [, stride] = spec.gridSize(level + 1);
  const fine = new Float64Array(height * width);
  for (let y = 0, to = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, to += 1) {
      fine[to] = coarse[(y >> 1) * stride + (x >> 1)];
    }
  }
  return fine;
}

/**
 * Add the bits of each latent, spread over the pixels that it covers: fewer at the edges.
 *
 * @param {Float32Array} bits
 * @param {Grid} grid
 * @param {Spec} spec
 * @param {Float64Array} total is changed
 */
function spread(bits, { level, height, width, origin, stride }, spec, total) {
  for (let y = 0, to = 0; y < height; y += 1) {
    const rows = covered(y, level, spec.height);
    for (let x = 0; x < width; x += 1, to += 1) {
      total[to] += bits[origin + y * stride + x] / (rows * covered(x, level, spec.width));
    }
  }
}

/**
 * @param {number} i index of a latent on an axis
 * @param {number} level
 * @param {number} length of the axis in pixels
 * @returns {number} how many pixels it covers
 */
function covered(i, level, length) {
  return Math.min((i + 1) << level, length) - (i << level);
}
