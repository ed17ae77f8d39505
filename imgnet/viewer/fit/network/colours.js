/** Colours of a lattice: from outputs before the sigmoid to errors, pixels and gradients. */

/** @typedef {import("./lattice.js").Lattice} Lattice */
/** @typedef {import("./network.js").Visit} Visit */

/**
 * A picture to fit.
 *
 * @typedef {Object} Target
 * @property {number} width
 * @property {number} channels
 * @property {Uint8Array} samples (height, width, channel)
 */

/**
 * Return a visit that puts the gradient of the squared error in the place of the outputs, and adds
 * the error to a sum.
 *
 * @param {Target} target
 * @param {Lattice} lattice
 * @param {{error: number}} sum of the squares, for colours in 0..1
 * @returns {Visit}
 */
export function errorGradient({ width, channels, samples }, lattice, sum) {
  return eachOutput(lattice, channels, (data, at, x, y, channel) => {
    const value = 1 / (1 + Math.exp(-data[at]));
    const error = value - samples[(y * width + x) * channels + channel] / 255;
    sum.error += error * error;
    data[at] = 2 * error * value * (1 - value);
  });
}

/**
 * Return a visit that puts the gradient of a random sum of all colours, each added or subtracted,
 * in the place of the outputs.
 *
 * @param {number} channels
 * @param {Lattice} lattice
 * @param {() => number} random in 0..1
 * @returns {Visit}
 */
export function probeGradient(channels, lattice, random) {
  return eachOutput(lattice, channels, (data, at) => {
    const value = 1 / (1 + Math.exp(-data[at]));
    data[at] = value * (1 - value) * (random() < 0.5 ? -1 : 1);
  });
}

/**
 * Return a visit that writes the pixels of a lattice into a picture of its size.
 *
 * @param {number} channels
 * @param {Lattice} lattice
 * @param {Uint8Array} pixels (rows, columns, channel)
 * @returns {Visit}
 */
export function pixelWriter(channels, lattice, pixels) {
  const { x, y } = lattice;
  return eachOutput(lattice, channels, (data, at, column, row, channel) => {
    const [i, j] = [(column - x.start) / x.stride, (row - y.start) / y.stride];
    pixels[(j * x.count + i) * channels + channel] = Math.round(255 / (1 + Math.exp(-data[at])));
  });
}

/**
 * @param {Lattice} lattice
 * @param {number} channels
 * @param {(data: Float32Array, at: number, x: number, y: number, channel: number) => void} act
 * @returns {Visit} which acts on each output and sets those of the padding to 0
 */
function eachOutput({ x, y }, channels, act) {
  return (data, { out, first, height, width }) => {
    let at = out;
    for (let channel = 0; channel < channels; channel += 1) {
      for (let row = first; row < first + height; row += 1) {
        const inY = y.start + row * y.stride;
        for (let column = 0; column < x.count; column += 1) {
          act(data, at + column, x.start + column * x.stride, inY, channel);
        }
        data.fill(0, at + x.count, at + width);
        at += width;
      }
    }
  };
}
