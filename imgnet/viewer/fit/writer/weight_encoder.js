/** Encoder of network weights as integers and a q_step a tensor, whose decoder is `weights.js`. */

import { support, TOTAL } from "../../decoder/entropy/distributions.js";
import { EXCESS_BITS, MANY, tableOf } from "../../decoder/entropy/weights.js";
import { encode } from "./rans_encoder.js";

/** @typedef {import("./rans_encoder.js").Interval} Interval */

/**
 * A tensor as integer multiples of a q_step.
 *
 * @typedef {Object} Tensor
 * @property {number} qIndex of its q_step
 * @property {Int32Array} values
 */

/** @typedef {{scale: number, excess: number}} Distribution */

const NUM_SCALES = 96;
const EXCESSES = 2 ** EXCESS_BITS;
/** Above the narrowest distribution that holds all integers: wider ones only cost more. */
const CANDIDATES = 40;

/** The largest integer that can be coded. */
export const LARGEST = support(NUM_SCALES - 1);

/** @type {Map<number, Int32Array>} tables of distributions, made when first asked for */
const tables = new Map();

/**
 * Write tensors, each under the distribution that takes the fewest bits.
 *
 * @param {Tensor[]} tensors
 * @returns {Uint8Array<ArrayBuffer>} the headers and the coded stream
 */
export function encodeWeights(tensors) {
  const headers = [];
  /** @type {Interval[]} */
  const symbols = [];
  for (const { qIndex, values } of tensors) {
    const distribution = bestFor(values);
    headers.push(qIndex, distribution.scale);
    if (values.length > MANY) {
      const width = TOTAL / EXCESSES;
      symbols.push({ start: distribution.excess * width, width });
    }
    const table = cachedTable(distribution);
    const centre = support(distribution.scale);
    for (const value of values) {
      const start = table[centre + value];
      symbols.push({ start, width: table[centre + value + 1] - start });
    }
  }
  const stream = encode(symbols);
  const bytes = new Uint8Array(headers.length + stream.length);
  bytes.set(headers);
  bytes.set(stream, headers.length);
  return bytes;
}

/**
 * @param {Int32Array} values
 * @returns {Distribution}
 */
function bestFor(values) {
  const counts = magnitudes(values);
  let first = 0;
  while (support(first) < counts.length - 1) {
    first += 1;
  }
  let best = { scale: first, excess: 0 };
  let least = Infinity;
  for (let scale = first; scale < Math.min(first + CANDIDATES, NUM_SCALES); scale += 1) {
    const slots = slotsOf(scale, counts.length);
    for (let excess = 0; excess < (values.length > MANY ? EXCESSES : 1); excess += 1) {
      const bits = bitsOf(counts, slots, excess);
      if (bits < least) {
        [best, least] = [{ scale, excess }, bits];
      }
    }
  }
  return best;
}

/**
 * @param {Int32Array} values
 * @returns {number[]} how often each magnitude occurs, from 0 on
 */
function magnitudes(values) {
  /** @type {number[]} */
  const counts = [0];
  for (const value of values) {
    const magnitude = Math.abs(value);
    while (counts.length <= magnitude) {
      counts.push(0);
    }
    counts[magnitude] += 1;
  }
  return counts;
}

/**
 * Return about the slots that each magnitude has without an excess; exact tables take long to make.
 *
 * @param {number} scale
 * @param {number} count of magnitudes
 * @returns {number[]}
 */
function slotsOf(scale, count) {
  const decay = -1 / (2 * 2 ** (scale / 8 - 3)); // logarithm of that of the distribution
  const shared = TOTAL - 2 * support(scale) - 1;
  const tail = (/** @type {number} */ k) => 1 / (1 + Math.exp(-decay * (2 * k + 1)));
  const outer = Array.from({ length: count - 1 }, (_, k) => 1 + shared * (tail(k) - tail(k + 1)));
  return [1 + shared * (1 - 2 * tail(0)), ...outer];
}

/**
 * @param {number[]} counts
 * @param {number[]} slots without an excess
 * @param {number} excess eighths of the slots of other integers that 0 has instead
 * @returns {number}
 */
function bitsOf(counts, slots, excess) {
  const part = 1 - excess / EXCESSES;
  const [ofZero] = slots;
  return counts.reduce((sum, count, magnitude) => {
    const own = magnitude ? 1 + (slots[magnitude] - 1) * part : TOTAL - (TOTAL - ofZero) * part;
    return count ? sum - count * Math.log2(own / TOTAL) : sum;
  }, 0);
}

/**
 * @param {Distribution} distribution
 * @returns {Int32Array}
 */
function cachedTable({ scale, excess }) {
  const key = EXCESSES * scale + excess;
  const table = tables.get(key) ?? tableOf(scale, excess);
  tables.set(key, table);
  return table;
}
