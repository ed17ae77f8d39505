/** Doubling of planes of features, in exact integers. */

import { clamp } from "../entropy/fixed_point.js";

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
    this._narrow = new Float64Array(0);
    this._wide = new Float64Array(width + 2 * margin);
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
    this._doubleDown(plane, y);
    this._doubleAcross(plane.margin);
    out.set(this._wide, at);
  }

  /**
   * Write a row of doubled height, over all columns of the plane, to `_narrow`.
   *
   * @param {Plane} plane
   * @param {number} y
   */
  _doubleDown(plane, y) {
    const { values } = plane;
    const stride = plane.width + 2 * plane.margin;
    if (this._narrow.length !== stride) {
      this._narrow = new Float64Array(stride);
    }
    const [t0, t1, t2, t3] = this._taps;
    // Rows from the one at distance 1.25, which lies above for odd and below for even rows.
    const step = y & 1 ? stride : -stride;
    const start = ((y >> 1) + plane.margin) * stride;
    for (let x = 0; x < stride; x += 1) {
      const at = start + x;
      this._narrow[x] = limited(
        t0 * values[at - step] +
          t1 * values[at] +
          t2 * values[at + step] +
          t3 * values[at + 2 * step],
      );
    }
  }

  /**
   * Write `_narrow` in doubled width to `_wide`.
   *
   * @param {number} narrowMargin
   */
  _doubleAcross(narrowMargin) {
    const { _narrow: row, _wide: wide, _margin: margin } = this;
    const [t0, t1, t2, t3] = this._taps;
    for (let i = 0; i < wide.length; i += 1) {
      const x = i - margin;
      const step = x & 1 ? 1 : -1;
      const at = (x >> 1) + narrowMargin;
      wide[i] = limited(
        t0 * row[at - step] + t1 * row[at] + t2 * row[at + step] + t3 * row[at + 2 * step],
      );
    }
  }
}

/**
 * @param {number} sum
 * @returns {number}
 */
function limited(sum) {
  return clamp(Math.floor(sum), -LARGEST_FEATURE, LARGEST_FEATURE);
}
