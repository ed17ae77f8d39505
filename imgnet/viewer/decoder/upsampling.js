/** Doubling of planes of features, in exact integers. */

import { clamp } from "./fixed_point.js";

/**
 * A plane of whole numbers with a margin, in units of 2**-12.
 *
 * @typedef {Object} Plane
 * @property {number} height without the margin
 * @property {number} width without the margin
 * @property {number} margin
 * @property {Int32Array} values
 */

export const LARGEST_FEATURE = 2 ** 25 - 1;

/**
 * Return a plane of zeros.
 *
 * @param {[number, number]} size height and width
 * @param {number} margin
 * @returns {Plane}
 */
export function emptyPlane([height, width], margin) {
  const values = new Int32Array((height + 2 * margin) * (width + 2 * margin));
  return { height, width, margin, values };
}

/** A doubler of planes of one level, which writes row by row. */
export class Doubler {
  /**
   * @param {Float64Array} taps weights of old samples at distances 1.25, 0.25, 0.75 and 1.75
   * @param {number} width of the new plane
   * @param {number} margin columns of the new plane on each side
   */
  constructor(taps, width, margin) {
    this._taps = taps.map((tap) => tap * 2 ** -15);
    this._width = width;
    this._margin = margin;
    this._row = new Float64Array(0);
  }

  /**
   * Compute row y of the doubled plane; y may be in its margin.
   *
   * @param {Plane} plane
   * @param {number} y
   * @param {Float64Array | Int32Array} out
   * @param {number} at index of the first sample, at x = -margin
   */
  writeRow(plane, y, out, at) {
    const row = this._doubleDown(plane, y);
    const { _taps: taps, _margin: margin, _width: width } = this;
    for (let x = -margin; x < width + margin; x += 1) {
      const middle = (x >> 1) + plane.margin;
      out[at + x + margin] = x & 1 ? oddAt(row, middle, 1, taps) : evenAt(row, middle, 1, taps);
    }
  }

  /**
   * Double along y.
   *
   * @param {Plane} plane
   * @param {number} y
   * @returns {Float64Array} one row over all columns of the plane
   */
  _doubleDown(plane, y) {
    const stride = plane.width + 2 * plane.margin;
    if (this._row.length !== stride) {
      this._row = new Float64Array(stride);
    }
    const { _taps: taps, _row: row } = this;
    const start = ((y >> 1) + plane.margin) * stride;
    for (let x = 0; x < stride; x += 1) {
      const middle = start + x;
      row[x] =
        y & 1
          ? oddAt(plane.values, middle, stride, taps)
          : evenAt(plane.values, middle, stride, taps);
    }
    return row;
  }
}

/**
 * @param {Int32Array | Float64Array} z
 * @param {number} i
 * @param {number} step
 * @param {Float64Array} taps
 * @returns {number}
 */
function evenAt(z, i, step, taps) {
  return limited(
    taps[3] * z[i - 2 * step] + taps[2] * z[i - step] + taps[1] * z[i] + taps[0] * z[i + step],
  );
}

/**
 * @param {Int32Array | Float64Array} z
 * @param {number} i
 * @param {number} step
 * @param {Float64Array} taps
 * @returns {number}
 */
function oddAt(z, i, step, taps) {
  return limited(
    taps[0] * z[i - step] + taps[1] * z[i] + taps[2] * z[i + step] + taps[3] * z[i + 2 * step],
  );
}

/**
 * @param {number} sum
 * @returns {number}
 */
function limited(sum) {
  return clamp(Math.floor(sum), -LARGEST_FEATURE, LARGEST_FEATURE);
}
