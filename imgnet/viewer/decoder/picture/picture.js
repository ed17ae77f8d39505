/** Pictures in memory: samples, and what a screen shows of them. */

import { quantized } from "./colours.js";
import { rint } from "../entropy/fixed_point.js";

/**
 * @typedef {Object} Picture
 * @property {number} width
 * @property {number} height
 * @property {number} channels 1..4; with 2 and 4 the last is opacity
 * @property {number} depth bits of a sample, 8 or 16
 * @property {Uint8Array | Uint16Array} samples (height, width, channel)
 */

/**
 * Convert samples of `grid` with 16 bits to those that rendering with 8 bits gives.
 *
 * Colours are in units of 2**-12, so that 16 bits determine them exactly.
 *
 * @param {Uint8Array | Uint16Array} samples
 * @returns {Uint8Array}
 */
export function eightBits(samples) {
  if (samples instanceof Uint8Array) {
    return samples;
  }
  return Uint8Array.from(samples, (sample) => quantized(rint(sample * (4096 / 65535)), 255));
}

/**
 * Return red, green, blue and opacity of each pixel in 8 bits.
 *
 * @param {Picture} picture
 * @returns {Uint8ClampedArray<ArrayBuffer>}
 */
export function toRgba({ channels, samples }) {
  const source = eightBits(samples);
  const count = source.length / channels;
  const rgba = new Uint8ClampedArray(4 * count);
  const isColour = channels >= 3;
  for (let i = 0, from = 0; i < 4 * count; i += 4, from += channels) {
    rgba[i] = source[from];
    rgba[i + 1] = source[isColour ? from + 1 : from];
    rgba[i + 2] = source[isColour ? from + 2 : from];
    rgba[i + 3] = channels % 2 ? 255 : source[from + channels - 1];
  }
  return rgba;
}
