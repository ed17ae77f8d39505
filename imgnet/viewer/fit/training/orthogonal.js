/** Orthogonal bases of square matrices, row by row. */

const RIDGE = 1e-9; // of the trace: keeps a matrix of low rank from losing directions

/**
 * Take one step of orthogonal iteration: orthonormalise the products of a symmetric matrix with
 * the vectors of a basis.
 *
 * @param {Float64Array} matrix (size, size), symmetric
 * @param {Float64Array} basis (size, size), a vector a row; is replaced
 * @param {number} size
 */
export function iterate(matrix, basis, size) {
  let trace = 0;
  for (let i = 0; i < size; i += 1) {
    trace += matrix[i * size + i];
  }
  const ridge = RIDGE * trace + Number.MIN_VALUE;
  const products = basis.map((value) => ridge * value);
  for (let i = 0; i < size; i += 1) {
    for (let k = 0; k < size; k += 1) {
      addRow(products, i * size, basis[i * size + k], matrix, k * size, size);
    }
  }
  orthonormalise(products, size);
  basis.set(products);
}

/**
 * Make the rows of a matrix orthonormal, from the first on (Gram and Schmidt, twice for accuracy).
 *
 * @param {Float64Array} rows is changed
 * @param {number} size
 */
function orthonormalise(rows, size) {
  for (let i = 0; i < size; i += 1) {
    const row = i * size;
    scaleRow(rows, row, size);
    for (let round = 0; round < 2; round += 1) {
      for (let j = 0; j < i; j += 1) {
        addRow(rows, row, -dot(rows, row, j * size, size), rows, j * size, size);
      }
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
 * @param {Float64Array} to
 * @param {number} toRow
 * @param {number} factor
 * @param {Float64Array} from
 * @param {number} fromRow
 * @param {number} size
 */
function addRow(to, toRow, factor, from, fromRow, size) {
  for (let i = 0; i < size; i += 1) {
    to[toRow + i] += factor * from[fromRow + i];
  }
}
