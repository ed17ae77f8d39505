/** Renderer of coordinate networks (`gated`, `mlp`) at native size, in floating point. */

import { accumulate, fours, padded, rint, tensorOf, transposed } from "./fixed_point.js";
import { MLP_FREQUENCIES, numFrequencies } from "./shapes.js";

/** @typedef {import("./container.js").Parameters} Parameters */
/** @typedef {import("./spec.js").Spec} Spec */
/** @typedef {(x: Float64Array) => Float64Array} Layer whose result the next call overwrites */

const C0 = Math.sqrt(2 / Math.PI);
const C1 = C0 * 0.044715;

/**
 * Render an image at the size of a level; below native size it is one sample of each square.
 *
 * @param {Spec} spec
 * @param {Parameters} parameters
 * @param {number} level 0 for native size
 * @param {number} depth bits of a sample, 8 or 16
 * @param {(done: number) => void} [onProgress] called now and then with the part that is done
 * @returns {Uint8Array | Uint16Array} (height, width, channel)
 */
export function renderCoordinates(spec, parameters, level, depth, onProgress = () => {}) {
  const { dimOut } = spec;
  const { columns, rows } = projectedAxes(spec, parameters, 2 ** level);
  const count = rows.length * columns.length * dimOut;
  const pixels = new (depth === 16 ? Uint16Array : Uint8Array)(count);
  const trunk = spec.family === "gated" ? gatedTrunk(spec, parameters) : mlpTrunk(spec, parameters);
  const output = affine(parameters, "output");
  const peak = 2 ** depth - 1;
  const summed = new Float64Array(rows[0].length);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      add(row, column, summed);
      const colour = output(trunk(summed));
      for (let c = 0; c < dimOut; c += 1) {
        pixels[at] = rint(peak / (1 + Math.exp(-colour[c])));
        at += 1;
      }
    }
    onProgress(at / pixels.length);
  }
  return pixels;
}

/**
 * Return the summands of both axes in the first joint layer, of which the rows have the bias.
 *
 * @param {Spec} spec
 * @param {Parameters} parameters
 * @param {number} step pixels from one sample to the next
 * @returns {{columns: Float64Array[], rows: Float64Array[]}}
 */
function projectedAxes(spec, parameters, step) {
  const isGated = spec.family === "gated";
  const first = isGated ? "joint" : "layers.0";
  const weights = tensorOf(parameters, `${first}.weight`);
  const bias = tensorOf(parameters, `${first}.bias`);
  const inputs = weights.length / bias.length;
  /** @type {(half: number) => Float64Array} */
  const halfOf = (half) =>
    weights.filter((_, i) => Math.floor((i % inputs) / (inputs / 2)) === half);
  const toX = product(halfOf(0), new Float64Array(bias.length));
  const toY = product(halfOf(1), bias);
  /** @type {Layer} */
  const same = (x) => x;
  const axisX = isGated ? gatedLayer(parameters, "axis_x") : same;
  const axisY = isGated ? gatedLayer(parameters, "axis_y") : same;
  return {
    columns: positionFeatures(spec.family, spec.width, step).map((x) => toX(axisX(x)).slice()),
    rows: positionFeatures(spec.family, spec.height, step).map((y) => toY(axisY(y)).slice()),
  };
}

/**
 * Return the Fourier features of evenly spaced positions on an axis.
 *
 * @param {string} family
 * @param {number} length of the axis
 * @param {number} step
 * @returns {Float64Array[]}
 */
export function positionFeatures(family, length, step) {
  const count = family === "gated" ? numFrequencies(length) : 2 * MLP_FREQUENCIES;
  const featureOf = family === "gated" ? gatedFeature : mlpFeature;
  return Array.from({ length: Math.ceil(length / step) }, (_, sample) => {
    const position = (sample + 0.5) * step - 0.5;
    return Float64Array.from({ length: count }, (_unused, i) => featureOf(i, position, length));
  });
}

/**
 * @param {number} i
 * @param {number} position
 * @returns {number}
 */
function gatedFeature(i, position) {
  return Math.sin(position * 2 ** (1 - i));
}

/**
 * @param {number} i
 * @param {number} position
 * @param {number} length
 * @returns {number}
 */
function mlpFeature(i, position, length) {
  const octave = 2 ** ((i % MLP_FREQUENCIES) + 1) * (Math.PI / length);
  const alias = octave - 2 * Math.PI * rint(octave / (2 * Math.PI));
  return Math.sin(alias * position + (i < MLP_FREQUENCIES ? 0 : Math.PI / 2));
}

/**
 * @param {Spec} spec
 * @param {Parameters} parameters
 * @returns {Layer}
 */
function gatedTrunk(spec, parameters) {
  const joint = gate(tensorOf(parameters, "joint.shift"));
  const blocks = Array.from({ length: spec.numLayers }, (_, i) => ({
    first: gatedLayer(parameters, `blocks.${i}.0`),
    second: gatedLayer(parameters, `blocks.${i}.1`),
    alpha: tensorOf(parameters, `blocks.${i}.alpha`)[0],
  }));
  return (stacked) => {
    const hidden = joint(stacked);
    for (const { first, second, alpha } of blocks) {
      const residual = second(first(hidden));
      for (let i = 0; i < hidden.length; i += 1) {
        hidden[i] += alpha * residual[i];
      }
    }
    return hidden;
  };
}

/**
 * @param {Spec} spec
 * @param {Parameters} parameters
 * @returns {Layer}
 */
function mlpTrunk(spec, parameters) {
  const layers = Array.from({ length: spec.numLayers - 1 }, (_, i) =>
    affine(parameters, `layers.${i + 1}`),
  );
  return (stacked) => {
    let hidden = leakyRelu(stacked);
    for (const layer of layers) {
      hidden = leakyRelu(layer(hidden));
    }
    return hidden;
  };
}

/**
 * @param {Parameters} parameters
 * @param {string} name
 * @returns {Layer}
 */
function gatedLayer(parameters, name) {
  const inner = affine(parameters, name);
  const outer = gate(tensorOf(parameters, `${name}.shift`));
  return (x) => outer(inner(x));
}

/**
 * @param {Parameters} parameters
 * @param {string} name
 * @returns {Layer}
 */
function affine(parameters, name) {
  return product(tensorOf(parameters, `${name}.weight`), tensorOf(parameters, `${name}.bias`));
}

/**
 * @param {Float64Array} weights (rows, inputs)
 * @param {Float64Array} bias (rows)
 * @returns {Layer}
 */
function product(weights, bias) {
  const inputs = weights.length / bias.length;
  const rows = fours(bias.length);
  const matrix = transposed(weights, inputs, rows, 1);
  const start = padded(bias, rows);
  const columns = Int32Array.from({ length: inputs }, (_, i) => i * rows);
  const out = new Float64Array(rows);
  return (x) => {
    accumulate(start, 0, x, columns, inputs, matrix, rows, out, 0);
    return out;
  };
}

/**
 * Return the map of q, k, v, one behind the other, to gelu(tanh(q k) v + shift).
 *
 * @param {Float64Array} shift
 * @returns {Layer}
 */
function gate(shift) {
  const size = shift.length;
  const out = new Float64Array(size);
  return (stacked) => {
    for (let i = 0; i < size; i += 1) {
      const t = tanh(stacked[i] * stacked[size + i]) * stacked[2 * size + i] + shift[i];
      out[i] = 0.5 * t * (1 + tanh(t * (C0 + C1 * t * t)));
    }
    return out;
  };
}

/**
 * @param {number} x
 * @returns {number} tanh(x), three times as fast as that of the browser
 */
function tanh(x) {
  return 1 - 2 / (1 + Math.exp(2 * x));
}

/**
 * @param {Float64Array} x is changed
 * @returns {Float64Array}
 */
function leakyRelu(x) {
  for (let i = 0; i < x.length; i += 1) {
    x[i] = Math.max(x[i], 0.1 * x[i]);
  }
  return x;
}

/**
 * @param {Float64Array} one
 * @param {Float64Array} other
 * @param {Float64Array} sum is written
 */
function add(one, other, sum) {
  for (let i = 0; i < sum.length; i += 1) {
    sum[i] = one[i] + other[i];
  }
}
