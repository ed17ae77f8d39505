/**
 * Network that maps the features of each pixel to its colour, in exact integers.
 *
 * A linear path and a hidden layer give a colour, to which 3x3 ReZero layers add. Colours lie one
 * pixel behind the other, four numbers each.
 */

import { clamp, fours, padded, tensorOf, transposed } from "../entropy/fixed_point.js";

/** @typedef {import("../entropy/fixed_point.js").Weights} Weights */
/** @typedef {import("../spec.js").Spec} Spec */

const LARGEST_HIDDEN = 2 ** 24 - 1;
const LARGEST_COLOUR = 2 ** 22 - 1;
const LANES = 4; // numbers of a pixel, used or not
const SCALE = 2 ** -15;

/** The network of one picture. */
export class ColourNetwork {
  /**
   * @param {Spec} spec
   * @param {Weights} weights in fixed point
   */
  constructor(spec, weights) {
    const { dimHidden, numFeatures, dimOut } = spec;
    this._channels = dimOut;
    this._units = fours(dimHidden);
    const hidden = tensorOf(weights, "hidden.weight");
    this._hidden = transposed(hidden, numFeatures, this._units, SCALE);
    this._hiddenBias = padded(tensorOf(weights, "hidden.bias"), this._units);
    this._output = transposed(tensorOf(weights, "output.weight"), dimHidden, LANES, SCALE);
    this._output = padded(this._output, this._units * LANES);
    this._linear = transposed(tensorOf(weights, "linear.weight"), numFeatures, LANES, SCALE);
    this._linearBias = padded(tensorOf(weights, "linear.bias"), LANES);
    this._layers = Array.from(
      { length: spec.numLayers },
      (_, i) => new ResidualLayer(weights, `residuals.${i}`, dimOut),
    );
  }

  /**
   * Render rows of pixels.
   *
   * @param {Float64Array[]} features with a margin of a sample for each 3x3 layer
   * @param {number} rows without the margin
   * @param {number} width without the margin
   * @param {Uint8Array | Uint16Array} pixels that are written
   * @param {number} depth bits of a sample, 8 or 16
   */
  render(features, rows, width, pixels, depth) {
    const margin = this._layers.length;
    let [height, stride] = [rows + 2 * margin, width + 2 * margin];
    let colours = this._coloursOf(features, height * stride);
    for (const layer of this._layers) {
      colours = layer.apply(colours, height, stride);
      height -= 2;
      stride -= 2;
    }
    quantizeColours(colours, this._channels, pixels, 2 ** depth - 1);
  }

  /**
   * @param {Float64Array[]} features
   * @param {number} count of pixels
   * @returns {Float64Array}
   */
  _coloursOf(features, count) {
    const colours = new Float64Array(count * LANES);
    const pixel = new Float64Array(features.length);
    for (let i = 0; i < count; i += 1) {
      for (let f = 0; f < pixel.length; f += 1) {
        pixel[f] = features[f][i];
      }
      this._writeColour(pixel, colours, i * LANES);
    }
    return colours;
  }

  /**
   * @param {Float64Array} pixel its features
   * @param {Float64Array} colours
   * @param {number} at
   */
  _writeColour(pixel, colours, at) {
    const { _linear: linear, _linearBias: bias } = this;
    this._writeHidden(pixel, colours, at);
    for (let c = 0; c < this._channels; c += 1) {
      let sum = bias[c];
      for (let f = 0; f < pixel.length; f += 1) {
        sum += pixel[f] * linear[f * LANES + c];
      }
      const colour = Math.floor(sum) + Math.floor(colours[at + c]);
      colours[at + c] = clamp(colour, -LARGEST_COLOUR, LARGEST_COLOUR);
    }
  }

  /**
   * Write what the hidden layer contributes, before it is rounded.
   *
   * @param {Float64Array} pixel
   * @param {Float64Array} colours
   * @param {number} at
   */
  _writeHidden(pixel, colours, at) {
    const { _hidden: hidden, _hiddenBias: bias, _output: output, _units: units } = this;
    let [red, green, blue, alpha] = [0, 0, 0, 0];
    for (let unit = 0; unit < units; unit += 4) {
      let sum0 = bias[unit];
      let sum1 = bias[unit + 1];
      let sum2 = bias[unit + 2];
      let sum3 = bias[unit + 3];
      let column = unit;
      for (let f = 0; f < pixel.length; f += 1) {
        const feature = pixel[f];
        sum0 += feature * hidden[column];
        sum1 += feature * hidden[column + 1];
        sum2 += feature * hidden[column + 2];
        sum3 += feature * hidden[column + 3];
        column += units;
      }
      sum0 = clamp(Math.floor(sum0), 0, LARGEST_HIDDEN);
      sum1 = clamp(Math.floor(sum1), 0, LARGEST_HIDDEN);
      sum2 = clamp(Math.floor(sum2), 0, LARGEST_HIDDEN);
      sum3 = clamp(Math.floor(sum3), 0, LARGEST_HIDDEN);
      const w = unit * LANES;
      red += sum0 * output[w] + sum1 * output[w + 4] + sum2 * output[w + 8] + sum3 * output[w + 12];
      green +=
        sum0 * output[w + 1] + sum1 * output[w + 5] + sum2 * output[w + 9] + sum3 * output[w + 13];
      blue +=
        sum0 * output[w + 2] + sum1 * output[w + 6] + sum2 * output[w + 10] + sum3 * output[w + 14];
      alpha +=
        sum0 * output[w + 3] + sum1 * output[w + 7] + sum2 * output[w + 11] + sum3 * output[w + 15];
    }
    colours[at] = red;
    colours[at + 1] = green;
    colours[at + 2] = blue;
    colours[at + 3] = alpha;
  }
}

/** A 3x3 ReZero layer. */
class ResidualLayer {
  /**
   * @param {Weights} weights
   * @param {string} name
   * @param {number} channels
   */
  constructor(weights, name, channels) {
    this._channels = channels;
    const matrix = tensorOf(weights, `${name}.weight`);
    this._weights = transposed(matrix, 9 * channels, LANES, SCALE);
    this._bias = padded(tensorOf(weights, `${name}.bias`), LANES);
    this._alpha = padded(tensorOf(weights, `${name}.alpha`), LANES).map((alpha) => alpha * SCALE);
  }

  /**
   * @param {Float64Array} colours
   * @param {number} height
   * @param {number} width
   * @returns {Float64Array} colours without a margin of one pixel
   */
  apply(colours, height, width) {
    const result = new Float64Array((height - 2) * (width - 2) * LANES);
    let to = 0;
    for (let y = 1; y < height - 1; y += 1) {
      for (let x = 1; x < width - 1; x += 1) {
        this._writePixel(colours, (y * width + x) * LANES, width * LANES, result, to);
        to += LANES;
      }
    }
    return result;
  }

  /**
   * @param {Float64Array} colours
   * @param {number} centre
   * @param {number} stride
   * @param {Float64Array} result
   * @param {number} to
   */
  _writePixel(colours, centre, stride, result, to) {
    const { _weights: weights, _bias: bias, _alpha: alpha, _channels: channels } = this;
    let sum0 = bias[0];
    let sum1 = bias[1];
    let sum2 = bias[2];
    let sum3 = bias[3];
    let column = 0;
    for (let row = centre - stride; row <= centre + stride; row += stride) {
      for (let from = row - LANES; from <= row + LANES; from += LANES) {
        for (let c = 0; c < channels; c += 1) {
          const colour = colours[from + c];
          sum0 += colour * weights[column];
          sum1 += colour * weights[column + 1];
          sum2 += colour * weights[column + 2];
          sum3 += colour * weights[column + 3];
          column += LANES;
        }
      }
    }
    result[to] = moved(colours[centre], alpha[0], sum0);
    result[to + 1] = moved(colours[centre + 1], alpha[1], sum1);
    result[to + 2] = moved(colours[centre + 2], alpha[2], sum2);
    result[to + 3] = moved(colours[centre + 3], alpha[3], sum3);
  }
}

/**
 * @param {number} colour
 * @param {number} alpha
 * @param {number} sum
 * @returns {number}
 */
function moved(colour, alpha, sum) {
  const inner = clamp(Math.floor(sum), 0, LARGEST_HIDDEN);
  return clamp(colour + Math.floor(alpha * inner), -LARGEST_COLOUR, LARGEST_COLOUR);
}

/**
 * Round colours to samples.
 *
 * @param {Float64Array} colours
 * @param {number} channels
 * @param {Uint8Array | Uint16Array} pixels that are written
 * @param {number} peak 255 or 65535
 */
function quantizeColours(colours, channels, pixels, peak) {
  let at = 0;
  for (let i = 0; i < colours.length; i += LANES) {
    for (let c = 0; c < channels; c += 1) {
      pixels[at] = quantized(colours[i + c], peak);
      at += 1;
    }
  }
}

/**
 * Round a colour to a sample.
 *
 * @param {number} colour in units of 2**-12
 * @param {number} peak 255 or 65535
 * @returns {number}
 */
export function quantized(colour, peak) {
  return clamp(Math.floor((colour * peak + 2048) / 4096), 0, peak);
}
