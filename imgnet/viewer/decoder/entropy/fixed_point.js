/**
 * Integers in float64: linear algebra that gives the same result on every machine.
 *
 * A weight is held in units of 2**-15 and an activation in units of 2**-12, both as integers. No
 * partial sum of a product reaches 2**53 (see `fixed_point.py` and its tests), so that doubles add
 * without rounding, in any order. Products are brought back to 2**-12 by `floor`.
 */

/** @typedef {Map<string, Float64Array>} Weights by the name of a tensor */

export const ACTIVATION_BITS = 12;
export const WEIGHT_BITS = 15;
const LARGEST_WEIGHT = 2 ** 20;

/**
 * Return the parameters of the network in fixed point; biases are activations.
 *
 * @param {Iterable<string>} names
 * @param {Map<string, Float64Array>} parameters
 * @returns {Weights}
 */
export function fromReal(names, parameters) {
  /** @type {Weights} */
  const weights = new Map();
  for (const name of names) {
    const one = 2 ** (name.endsWith(".bias") ? ACTIVATION_BITS : WEIGHT_BITS);
    const values = /** @type {Float64Array} */ (parameters.get(name));
    weights.set(
      name,
      values.map((value) => clamp(rint(value * one), -LARGEST_WEIGHT, LARGEST_WEIGHT)),
    );
  }
  return weights;
}

/**
 * Return a tensor of weights.
 *
 * @param {Weights} weights
 * @param {string} name
 * @returns {Float64Array}
 */
export function tensorOf(weights, name) {
  const tensor = weights.get(name);
  if (!tensor) {
    throw new Error(`there is no tensor ${name}`);
  }
  return tensor;
}

/**
 * Transpose a matrix and pad its rows with zeros, so that loops can take four outputs at a time.
 *
 * @param {Float64Array} matrix (rows, columns)
 * @param {number} columns
 * @param {number} stride rows of the result, at least as many as there are
 * @param {number} scale of all numbers
 * @returns {Float64Array} (columns, stride)
 */
export function transposed(matrix, columns, stride, scale) {
  const rows = matrix.length / columns;
  const result = new Float64Array(columns * stride);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      result[column * stride + row] = matrix[row * columns + column] * scale;
    }
  }
  return result;
}

/**
 * Pad a vector with zeros.
 *
 * @param {ArrayLike<number>} vector
 * @param {number} length
 * @returns {Float64Array}
 */
export function padded(vector, length) {
  const result = new Float64Array(length);
  result.set(vector);
  return result;
}

/**
 * Return the next multiple of four.
 *
 * @param {number} count
 * @returns {number}
 */
export function fours(count) {
  return 4 * Math.ceil(count / 4);
}

/**
 * Round to the nearest integer, a half to the even one.
 *
 * @param {number} x
 * @returns {number}
 */
export function rint(x) {
  const above = Math.round(x);
  return above - x === 0.5 && above % 2 !== 0 ? above - 1 : above;
}

/**
 * @param {number} x
 * @param {number} low
 * @param {number} high
 * @returns {number}
 */
export function clamp(x, low, high) {
  return x < low ? low : x > high ? high : x;
}

/**
 * Add weighted columns of a matrix to a vector: out = start + sum of inputs[i] * column i.
 *
 * All arithmetic of the decoder that takes long is here. Four sums at a time stay in registers.
 *
 * @param {Float64Array} start
 * @param {number} startAt index of its first number
 * @param {Float64Array} inputs
 * @param {Int32Array} columns index in the matrix of the column of each input
 * @param {number} count of the inputs
 * @param {Float64Array} matrix column by column
 * @param {number} rows a multiple of four
 * @param {Float64Array} out
 * @param {number} outAt index of its first number
 */
export function accumulate(start, startAt, inputs, columns, count, matrix, rows, out, outAt) {
  for (let row = 0; row < rows; row += 4) {
    const from = startAt + row;
    let sum0 = start[from];
    let sum1 = start[from + 1];
    let sum2 = start[from + 2];
    let sum3 = start[from + 3];
    for (let i = 0; i < count; i += 1) {
      const input = inputs[i];
      const column = columns[i] + row;
      sum0 += input * matrix[column];
      sum1 += input * matrix[column + 1];
      sum2 += input * matrix[column + 2];
      sum3 += input * matrix[column + 3];
    }
    const to = outAt + row;
    out[to] = sum0;
    out[to + 1] = sum1;
    out[to + 2] = sum2;
    out[to + 3] = sum3;
  }
}
