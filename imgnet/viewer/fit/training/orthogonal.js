/** Orthonormal bases: the rows of a square matrix. */

/**
 * Make the rows of a matrix orthonormal, from the first on (modified Gram and Schmidt).
 *
 * @param {Float64Array} rows is changed
 * @param {number} size
 */
export function orthonormalise(rows, size) {
  for (let i = 0; i < size; i += 1) {
    const row = i * size;
    scaleRow(rows, row, size);
    for (let j = 0; j < i; j += 1) {
      addRow(rows, row, -dot(rows, row, j * size, size), j * size, size);
    }
    scaleRow(rows, row, size);
  }
}

/**
 * @param {Float64Array} rows
 * @param {number} row index of its first number
 * @param {number} size
 */
function scaleRow(rows, row, size) {
  const length = Math.sqrt(dot(rows, row, row, size)) || 1;
  for (let i = row; i < row + size; i += 1) {
    rows[i] /= length;
  }
}

/**
 * @param {Float64Array} rows
 * @param {number} one
 * @param {number} other
 * @param {number} size
 * @returns {number}
 */
function dot(rows, one, other, size) {
  let sum = 0;
  for (let i = 0; i < size; i += 1) {
    sum += rows[one + i] * rows[other + i];
  }
  return sum;
}

/**
 * Add a multiple of a row to another.
 *
 * @param {Float64Array} rows
 * @param {number} to
 * @param {number} factor
 * @param {number} from
 * @param {number} size
 */
function addRow(rows, to, factor, from, size) {
  for (let i = 0; i < size; i += 1) {
    rows[to + i] += factor * rows[from + i];
  }
}
