/** Weights of the zoom prior, in the order in which the shader of a layer reads them. */

import { numbersAt, split } from "../decoder/format/tensors.js";

/**
 * A layer, computed in passes that write 16 channels each.
 *
 * @typedef {Object} Layer
 * @property {number} side of its kernel
 * @property {number} inputs channels that it reads, in fours
 * @property {boolean} isResidual whether it adds to its input
 * @property {boolean} isRectified
 * @property {Float32Array} bias of each channel
 * @property {Float32Array} slope of the bias in the logarithm of the scale
 * @property {Float32Array} gain of each channel
 * @property {Float32Array[]} passes 4x4 matrices of each
 */

/** @typedef {{shape: number[], values: Float64Array}} Tensor */

export const CHANNELS = 16; // that a pass writes: four textures, as many as every GPU can
export const TERMS = 4; // of a series on an axis, the constant one included
const GREY = 0.5; // colour that is subtracted from the input

/**
 * Read the layers of a zoom prior.
 *
 * @param {Uint8Array} file
 * @returns {Layer[]} the last one gives the series of three colours
 */
export function layersOf(file) {
  const { header, body } = split(file);
  const names = Object.keys(header).filter((name) => /^layers.*\.alpha$/.test(name));
  const residual = names.map((_, i) => `layers.${i}`);
  return ["first", ...residual, "hidden", "output"].map((name) => {
    const read = (/** @type {string} */ kind) => {
      const entry = header[`${name}.${kind}`];
      return entry && { shape: entry.shape, values: numbersAt(body, entry) };
    };
    return layerOf(name, read);
  });
}

/**
 * @param {string} name
 * @param {(kind: string) => Tensor | undefined} read
 * @returns {Layer}
 */
function layerOf(name, read) {
  const weight = /** @type {Tensor} */ (read("weight"));
  const bias = /** @type {Tensor} */ (read("bias")).values;
  const [outputs, inputs, side] = weight.shape;
  const size = inputs * side * side;
  const sources = name === "output" ? seriesOrder() : [...bias.keys()];
  if (name === "first") {
    for (let row = 0; row < outputs; row += 1) {
      const sum = weight.values.subarray(row * size, (row + 1) * size).reduce((a, b) => a + b);
      bias[row] -= GREY * sum;
    }
  }
  const vector = (/** @type {ArrayLike<number>} */ values) =>
    Float32Array.from(sources, (source) => values[source] ?? 0);
  const alpha = read("alpha")?.values;
  return {
    side,
    inputs: Math.ceil(inputs / 4),
    isResidual: Boolean(alpha),
    isRectified: Boolean(alpha) || name === "hidden",
    bias: vector(bias),
    slope: vector(read("scale")?.values ?? []),
    gain: alpha ? vector(alpha) : new Float32Array(sources.length).fill(1),
    passes: Array.from({ length: sources.length / CHANNELS }, (_, i) =>
      matrices(weight, sources.slice(CHANNELS * i, CHANNELS * (i + 1))),
    ),
  };
}

/**
 * Return the outputs of the network by colour, vertical term and horizontal term.
 *
 * @returns {number[]} indices; less than 0 for constant terms, which it does not give
 */
function seriesOrder() {
  return Array.from({ length: 3 * TERMS ** 2 }, (_, i) => {
    const term = i % TERMS ** 2;
    return 3 * (term - 1) + Math.floor(i / TERMS ** 2);
  });
}

/**
 * @param {Tensor} weight (outputs, inputs, rows, columns)
 * @param {number[]} sources the outputs of a pass
 * @returns {Float32Array} 4x4 matrices by place in the kernel, input and output
 */
function matrices({ shape, values }, sources) {
  const [, inputs, side] = shape;
  const places = side * side;
  const groups = Math.ceil(inputs / 4);
  const result = new Float32Array(places * groups * CHANNELS * 4);
  let to = 0;
  for (let place = 0; place < places; place += 1) {
    for (let first = 0; first < 4 * groups; first += 4) {
      for (let i = 0; i < 4 * CHANNELS; i += 1, to += 1) {
        const input = first + (Math.floor(i / 4) % 4);
        const source = sources[4 * Math.floor(i / 16) + (i % 4)];
        result[to] = input < inputs ? (values[(source * inputs + input) * places + place] ?? 0) : 0;
      }
    }
  }
  return result;
}
