/** Sampler of the pixels of a step: strided lattices, which have each pixel once an epoch. */

import { comb, paddedCount } from "../network/lattice.js";

/** @typedef {import("../network/lattice.js").Lattice} Lattice */

const WIDEST = 1.5; // ratio of the strides that are tried to equal ones

/** Lattices of one picture. */
export class Sampler {
  /**
   * @param {number} width
   * @param {number} height
   * @param {number} pixels of a lattice, about
   * @param {() => number} random
   */
  constructor(width, height, pixels, random) {
    this.width = width;
    this.height = height;
    this.random = random;
    const lattices = Math.max(1, (width * height) / pixels);
    this.strideX = bestStride(width, lattices);
    this.strideY = clamped(Math.round(lattices / this.strideX), height);
    /** @type {number[]} lattices of this epoch that are left */
    this.order = [];
  }

  /** @returns {Lattice} the next one */
  next() {
    if (!this.order.length) {
      this.order = shuffled(this.strideX * this.strideY, this.random);
    }
    const offset = /** @type {number} */ (this.order.pop());
    const [x, y] = [offset % this.strideX, Math.floor(offset / this.strideX)];
    return { x: comb(x, this.strideX, this.width), y: comb(y, this.strideY, this.height) };
  }
}

/**
 * @param {number} width
 * @param {number} lattices
 * @returns {number} a stride of columns, near to that of rows, that needs little padding
 */
function bestStride(width, lattices) {
  const middle = Math.sqrt(lattices);
  let best = clamped(Math.round(middle), width);
  for (let stride = 1; stride <= WIDEST * middle && stride <= width; stride += 1) {
    if (stride * WIDEST >= middle && paddingOf(width, stride) < paddingOf(width, best)) {
      best = stride;
    }
  }
  return best;
}

/**
 * @param {number} width
 * @param {number} stride
 * @returns {number} computed columns for each column of the picture
 */
function paddingOf(width, stride) {
  return (paddedCount(Math.ceil(width / stride)) * stride) / width;
}

/**
 * @param {number} stride
 * @param {number} length
 * @returns {number}
 */
function clamped(stride, length) {
  return Math.max(1, Math.min(stride, length));
}

/**
 * @param {number} count
 * @param {() => number} random
 * @returns {number[]} 0..count - 1 in random order
 */
function shuffled(count, random) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
