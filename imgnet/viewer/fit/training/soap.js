/**
 * SOAP optimiser: Adam on each matrix in the running eigenbasis of its gradients; Adam on vectors.
 *
 * Source: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024, algorithm 3. The
 * mean of the gradients is kept in the eigenbasis, and turned when that changes.
 */

import { Adam } from "./adam.js";
import { orthonormalise } from "./orthogonal.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("../network/layout.js").Layout} Layout */
/** @typedef {import("../network/parameters.js").Parameters} Parameters */
/** @typedef {import("../network/parameters.js").Place} Place */

const BETA = 0.95;
const REFRESH = 10; // steps between two updates of an eigenbasis
const FIRST_ITERATIONS = 3; // of the first eigenbasis
const MATRIX_LR = 1e-2;
const VECTOR_LR = 3e-3;
const RIDGE = 1e-7; // of the trace: keeps a covariance of low rank from losing directions
const LANES = 8; // sides of matrices are padded to a multiple, as kernels need it

/** State of all tensors of a network. */
export class Soap {
  /**
   * @param {Layout} layout
   * @param {Parameters} parameters
   */
  constructor(layout, parameters) {
    this.parts = parameters.places.map((place) =>
      place.shape.length === 2 && Math.min(...place.shape) > 1
        ? new MatrixPart(layout, place)
        : new VectorPart(place),
    );
  }

  /**
   * Move all parameters along their gradients.
   *
   * @param {Kernels} kernels
   * @param {number} factor of all learning rates
   */
  step(kernels, factor) {
    this.parts.forEach((part) => part.step(kernels, factor));
  }
}

class VectorPart {
  /** @param {Place} place */
  constructor(place) {
    this.place = place;
    this.adam = new Adam(place.size, BETA);
    this.update = new Float32Array(place.size);
  }

  /** @type {Soap["step"]} */
  step({ data }, factor) {
    const { at, gradient, size } = this.place;
    this.adam.update(data.subarray(gradient, gradient + size), this.update);
    for (let i = 0; i < size; i += 1) {
      data[at + i] -= factor * VECTOR_LR * this.update[i];
    }
  }
}

class MatrixPart {
  /**
   * @param {Layout} layout
   * @param {Place} place
   */
  constructor(layout, place) {
    this.place = place;
    const [height, width] = place.shape.map((side) => LANES * Math.ceil(side / LANES));
    this.height = height;
    this.width = width;
    const size = height * width;
    this.size = size;
    this.gradient = layout.reserve(size);
    this.rotated = layout.reserve(size);
    this.turned = layout.reserve(size);
    this.scratch = layout.reserve(size);
    this.left = new Side(layout, this.height);
    this.right = new Side(layout, this.width);
    this.adam = new Adam(size, BETA);
    this.steps = 0;
  }

  /** @type {Soap["step"]} */
  step(kernels, factor) {
    const { data } = kernels;
    const { place, width, gradient, rotated } = this;
    const [rows, columns] = place.shape;
    for (let row = 0; row < rows; row += 1) {
      const from = place.gradient + row * columns;
      data.copyWithin(gradient + row * width, from, from + columns);
    }
    this._track(kernels);
    this._rotate(kernels, gradient, rotated);
    const update = data.subarray(rotated, rotated + this.size);
    this.adam.update(update, update);
    this._rotateBack(kernels, rotated, gradient);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const move = factor * MATRIX_LR * data[gradient + row * width + column];
        data[place.at + row * columns + column] -= move;
      }
    }
    this.steps += 1;
  }

  /**
   * Note the covariances of the gradient, and now and then turn the bases towards them.
   *
   * @param {Kernels} kernels
   */
  _track(kernels) {
    const { data } = kernels;
    const { height, width, gradient, rotated, left, right, steps } = this;
    left.decay(data);
    right.decay(data);
    kernels.outer(gradient, height, gradient, height, left.covariance, height, width);
    kernels.product(gradient, width, width, height, gradient, right.covariance, width);
    if (steps % REFRESH === 0) {
      const { mean } = this.adam;
      data.set(mean, rotated);
      this._rotateBack(kernels, rotated, this.turned);
      left.turn(kernels, steps ? 1 : FIRST_ITERATIONS);
      right.turn(kernels, steps ? 1 : FIRST_ITERATIONS);
      this._rotate(kernels, this.turned, rotated);
      mean.set(data.subarray(rotated, rotated + this.size));
    }
  }

  /**
   * Write Q' x R, with the bases Q of the rows and R of the columns.
   *
   * @param {Kernels} kernels
   * @param {number} x
   * @param {number} out
   */
  _rotate(kernels, x, out) {
    this._multiply(kernels, this.left.columns, x, this.right.rows, out);
  }

  /**
   * Write Q x R'.
   *
   * @param {Kernels} kernels
   * @param {number} x
   * @param {number} out
   */
  _rotateBack(kernels, x, out) {
    this._multiply(kernels, this.left.rows, x, this.right.columns, out);
  }

  /**
   * Write a' x b'.
   *
   * @param {Kernels} kernels
   * @param {number} a (height, height)
   * @param {number} x (height, width)
   * @param {number} b (width, width)
   * @param {number} out (height, width)
   */
  _multiply(kernels, a, x, b, out) {
    const { height, width, scratch, size } = this;
    kernels.data.fill(0, scratch, scratch + size);
    kernels.data.fill(0, out, out + size);
    kernels.product(a, height, height, height, x, scratch, width);
    kernels.outer(scratch, height, b, width, out, width, width);
  }
}

/** Covariance of the rows or the columns of gradients, and its eigenbasis. */
class Side {
  /**
   * @param {Layout} layout
   * @param {number} size
   */
  constructor(layout, size) {
    this.size = size;
    this.covariance = layout.reserve(size * size);
    /** The basis as a matrix whose rows are its vectors, and its transpose. */
    this.rows = layout.reserve(size * size);
    this.columns = layout.reserve(size * size);
    this.product = layout.reserve(size * size);
    this.basis = new Float64Array(size * size);
    for (let i = 0; i < size; i += 1) {
      this.basis[i * size + i] = 1;
    }
  }

  /** @param {Float32Array} data */
  decay(data) {
    for (let i = this.covariance; i < this.covariance + this.size ** 2; i += 1) {
      data[i] *= BETA;
    }
  }

  /**
   * Turn the basis towards the eigenvectors by orthogonal iteration.
   *
   * @param {Kernels} kernels
   * @param {number} iterations
   */
  turn(kernels, iterations) {
    this._write(kernels.data);
    for (let i = 0; i < iterations; i += 1) {
      this._iterate(kernels);
      this._write(kernels.data);
    }
  }

  /**
   * Orthonormalise the products of the covariance with the vectors.
   *
   * @param {Kernels} kernels
   */
  _iterate(kernels) {
    const { data } = kernels;
    const { size, basis, covariance, product } = this;
    let trace = 0;
    for (let i = 0; i < size; i += 1) {
      trace += data[covariance + i * size + i];
    }
    const ridge = RIDGE * trace + Number.MIN_VALUE;
    data.fill(0, product, product + size * size);
    kernels.product(covariance, size, size, size, this.columns, product, size);
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j < size; j += 1) {
        basis[i * size + j] = data[product + j * size + i] + ridge * basis[i * size + j];
      }
    }
    orthonormalise(basis, size);
  }

  /** @param {Float32Array} data */
  _write(data) {
    const { size, basis, rows, columns } = this;
    data.set(basis, rows);
    for (let i = 0; i < size; i += 1) {
      for (let j = 0; j < size; j += 1) {
        data[columns + j * size + i] = basis[i * size + j];
      }
    }
  }
}
