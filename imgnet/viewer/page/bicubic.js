/** Bicubic enlargement of a part of a picture. */

/** @typedef {import("../decoder/worker.js").Shown} Shown */

/**
 * The part of the screen that is drawn, and where the picture lies on it.
 *
 * @typedef {Object} View
 * @property {number} x of the left edge of the picture, from that of the part
 * @property {number} y
 * @property {number} scale pixels of the screen for one of the picture
 * @property {number} width of the part
 * @property {number} height
 */

/**
 * Four samples of an axis for each pixel of the screen.
 *
 * @typedef {Object} Taps
 * @property {Int32Array} indices four for each pixel; all -1 outside the picture
 * @property {Float32Array} weights
 */

/**
 * Enlarge a picture by the cubic of Keys with a = -1/2; what lies outside it is transparent.
 *
 * @param {Shown} picture
 * @param {View} view
 * @returns {ImageData}
 */
export function bicubic(picture, view) {
  const image = new ImageData(view.width, view.height);
  const across = tapsOf(view.x, view.scale, view.width, picture.width);
  const down = tapsOf(view.y, view.scale, view.height, picture.height);
  /** @type {Map<number, Float32Array>} rows of the picture, enlarged across */
  const rows = new Map();
  for (let y = 0; y < view.height; y += 1) {
    const indices = down.indices.subarray(4 * y, 4 * y + 4);
    if (indices[0] >= 0) {
      const four = Array.from(indices, (index) => enlargedRow(picture, rows, index, across));
      const weights = down.weights.subarray(4 * y, 4 * y + 4);
      blend(four, weights, image.data, 4 * y * view.width);
    }
  }
  return image;
}

/**
 * @param {number} start of the picture on the screen
 * @param {number} scale
 * @param {number} count of pixels of the screen
 * @param {number} length of the picture
 * @returns {Taps}
 */
function tapsOf(start, scale, count, length) {
  const indices = new Int32Array(4 * count).fill(-1);
  const weights = new Float32Array(4 * count);
  for (let i = 0; i < count; i += 1) {
    const position = (i + 0.5 - start) / scale - 0.5;
    if (position >= -0.5 && position < length - 0.5) {
      const first = Math.floor(position) - 1;
      for (let tap = 0; tap < 4; tap += 1) {
        indices[4 * i + tap] = Math.min(Math.max(first + tap, 0), length - 1);
        weights[4 * i + tap] = cubic(position - first - tap);
      }
    }
  }
  return { indices, weights };
}

/**
 * @param {number} distance
 * @returns {number}
 */
function cubic(distance) {
  const d = Math.abs(distance);
  if (d < 1) {
    return 1 + d * d * (1.5 * d - 2.5);
  }
  return d < 2 ? 2 + d * (d * (2.5 - 0.5 * d) - 4) : 0;
}

/**
 * Return a row of the picture, enlarged across, with colours multiplied by opacity.
 *
 * @param {Shown} picture
 * @param {Map<number, Float32Array>} rows those that are there already
 * @param {number} y
 * @param {Taps} across
 * @returns {Float32Array}
 */
function enlargedRow({ rgba, width }, rows, y, { indices, weights }) {
  const known = rows.get(y);
  if (known) {
    return known;
  }
  const row = new Float32Array(indices.length);
  for (let i = 0; i < indices.length; i += 1) {
    if (indices[i] >= 0) {
      const from = 4 * (y * width + indices[i]);
      const opacity = rgba[from + 3] * weights[i];
      const to = i - (i % 4);
      row[to] += (rgba[from] * opacity) / 255;
      row[to + 1] += (rgba[from + 1] * opacity) / 255;
      row[to + 2] += (rgba[from + 2] * opacity) / 255;
      row[to + 3] += opacity;
    }
  }
  rows.set(y, row);
  return row;
}

/**
 * Write the weighted sum of four rows.
 *
 * @param {Float32Array[]} four
 * @param {Float32Array} weights
 * @param {Uint8ClampedArray} data
 * @param {number} at
 */
function blend([a, b, c, d], weights, data, at) {
  const [wa, wb, wc, wd] = weights;
  for (let i = 0; i < a.length; i += 4) {
    const opacity = wa * a[i + 3] + wb * b[i + 3] + wc * c[i + 3] + wd * d[i + 3];
    const gain = opacity > 0 ? 255 / opacity : 0;
    for (let k = i; k < i + 3; k += 1) {
      data[at + k] = gain * (wa * a[k] + wb * b[k] + wc * c[k] + wd * d[k]);
    }
    data[at + i + 3] = opacity;
  }
}
