/** Colours for transparent pixels. */

const LEAST_WEIGHT = 1e-30;

/**
 * Give transparent pixels the mean colour of the visible pixels around them: over the smallest
 * block of 2x2, 4x4, 8x8, ... pixels that holds a visible one.
 *
 * @param {ArrayLike<number>} rgba
 * @param {number} width
 * @param {number} height
 * @returns {Float32Array} with what else is in `rgba`
 */
export function filled(rgba, width, height) {
  const result = Float32Array.from(rgba);
  const [across, down] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const isVisible = (/** @type {number} */ at) => rgba[at + 3] > 0;
  if (width * height === 1 || everyPixel(rgba, isVisible)) {
    return result;
  }
  const means = new Float32Array(4 * across * down);
  const blockOf = (/** @type {number} */ at) => {
    const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
    return 4 * ((y >> 1) * across + (x >> 1));
  };
  for (let at = 0; at < rgba.length; at += 4) {
    const to = blockOf(at);
    for (let i = 0; i < 3; i += 1) {
      means[to + i] += rgba[at + i] * rgba[at + 3];
    }
    means[to + 3] += rgba[at + 3];
  }
  for (let to = 0; to < means.length; to += 4) {
    for (let i = 0; i < 3; i += 1) {
      means[to + i] /= Math.max(means[to + 3], LEAST_WEIGHT);
    }
  }
  const coarse = filled(means, across, down);
  for (let at = 0; at < rgba.length; at += 4) {
    if (!isVisible(at)) {
      result.set(coarse.subarray(blockOf(at), blockOf(at) + 3), at);
    }
  }
  return result;
}

/**
 * @param {ArrayLike<number>} rgba
 * @param {(at: number) => boolean} isSuch told the place of a pixel
 * @returns {boolean} whether all pixels are such
 */
export function everyPixel(rgba, isSuch) {
  for (let at = 0; at < rgba.length; at += 4) {
    if (!isSuch(at)) {
      return false;
    }
  }
  return true;
}
