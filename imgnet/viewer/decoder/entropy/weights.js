/** Entropy coder of network weights, as integers and a q_step a tensor. */

import { support, TOTAL, zeroMeanSlots } from "./distributions.js";
import { FormatError } from "../errors.js";
import { Decoder } from "./rans.js";
import { sizeOf } from "../shapes.js";

/** @typedef {import("../shapes.js").Shapes} Shapes */
/** @typedef {{qStep: number, values: Int32Array}} Quantized */

/**
 * The header of a tensor: two fields of the same width, for the q_step and the distribution.
 *
 * @typedef {Object} HeaderCoder
 * @property {number} fieldBits
 * @property {(number: number) => number} qStepOf
 * @property {(number: number) => number} distributionOf
 * @property {number} numDistributions
 */

export const MANY = 64; // integers of a tensor; a larger one may have an excess of zeros
export const EXCESS_BITS = 3;
const MAX_INTEGERS_PER_BYTE = 2048;

/** @type {HeaderCoder} */
export const GRID_HEADERS = {
  fieldBits: 4,
  qStepOf: (number) => 2 ** -number,
  distributionOf: (number) => 4 * number,
  numDistributions: 16,
};
/** @type {HeaderCoder} */
export const COORDINATE_HEADERS = {
  fieldBits: 8,
  qStepOf: (number) => (8 + (number % 8)) * 2 ** (Math.floor(number / 8) - 23),
  distributionOf: (number) => number,
  numDistributions: 96,
};

/**
 * Read tensors of known shapes.
 *
 * @param {HeaderCoder} coder
 * @param {Uint8Array} data the headers and the coded stream behind them
 * @param {Shapes} shapes
 * @returns {{tensors: Map<string, Quantized>, decoder: Decoder, bits: number}} the tensors, the
 *   decoder of what follows them, and their code length
 * @throws {FormatError} The data is cut short or damaged, or too short for so many integers.
 */
export function readWeights(coder, data, shapes) {
  checkWeights(coder, shapes, data.length);
  const headerBytes = headerBytesOf(coder, shapes);
  const stream = data.subarray(headerBytes);
  const sizes = [...shapes.values()].map(sizeOf);
  const decoder = new Decoder(stream);
  const start = decoder.bits;
  const tensors = new Map();
  let index = 0;
  for (const name of shapes.keys()) {
    const [qNumber, number] = headerAt(coder, data, index);
    const distribution = coder.distributionOf(number);
    const values = readIntegers(decoder, distribution, sizes[index]);
    tensors.set(name, { qStep: coder.qStepOf(qNumber), values });
    index += 1;
  }
  return { tensors, decoder, bits: 8 * headerBytes + decoder.bits - start };
}

/**
 * @param {HeaderCoder} coder
 * @param {Shapes} shapes
 * @returns {number}
 */
function headerBytesOf(coder, shapes) {
  return (2 * coder.fieldBits * shapes.size) / 8;
}

/**
 * @param {Decoder} decoder
 * @param {number} distribution
 * @param {number} count
 * @returns {Int32Array}
 */
function readIntegers(decoder, distribution, count) {
  const excess = count > MANY ? decoder.readBits(EXCESS_BITS) : 0;
  const table = tableOf(distribution, excess);
  const largest = support(distribution);
  return Int32Array.from({ length: count }, () => decoder.read(table) - largest);
}

/**
 * Return the table of a distribution with an excess of zeros, in eighths.
 *
 * @param {number} distribution
 * @param {number} excess
 * @returns {Int32Array}
 */
export function tableOf(distribution, excess) {
  const [, ...whole] = zeroMeanSlots(distribution);
  const outer = whole.map((slots) => 1 + (((slots - 1) * (8 - excess)) >> EXCESS_BITS));
  const centre = TOTAL - 2 * outer.reduce((sum, slots) => sum + slots, 0);
  let end = 0;
  const ends = [...outer.slice().reverse(), centre, ...outer].map((slots) => (end += slots));
  return Int32Array.from([0, ...ends]);
}

/**
 * @param {HeaderCoder} coder
 * @param {Uint8Array} data
 * @param {number} index
 * @returns {[number, number]} the numbers of the q_step and of the distribution
 */
function headerAt(coder, data, index) {
  const [q, number] =
    coder.fieldBits === 8
      ? [data[2 * index], data[2 * index + 1]]
      : [data[index] >> 4, data[index] & 15];
  if (number >= coder.numDistributions) {
    throw new FormatError(`the coded stream is damaged: there is no distribution ${number}`);
  }
  return [q, number];
}

/**
 * Return how many of some bytes are left for the coded stream of tensors.
 *
 * @param {HeaderCoder} coder
 * @param {Shapes} shapes
 * @param {number} numBytes
 * @returns {number}
 */
export function streamBytesOf(coder, shapes, numBytes) {
  return Math.max(0, numBytes - headerBytesOf(coder, shapes));
}

/**
 * Check that tensors fit into so many bytes.
 *
 * @param {HeaderCoder} coder
 * @param {Shapes} shapes
 * @param {number} numBytes
 * @throws {FormatError} These are too few for so many integers.
 */
export function checkWeights(coder, shapes, numBytes) {
  const count = [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const streamBytes = streamBytesOf(coder, shapes, numBytes);
  if (count > MAX_INTEGERS_PER_BYTE * streamBytes) {
    throw new FormatError(
      `${streamBytes} coded bytes cannot hold the ${count} weights that the header promises`,
    );
  }
}
