/** Memory of a fit, and the kernels that only move floats in it. */

/** All arrays lie in one memory, `data`; a place in it is the index of a first float. */
export class Memory {
  /** @param {Float32Array} data */
  constructor(data) {
    this.data = data;
  }

  /**
   * @param {number} at
   * @param {number} count of floats that become 0
   */
  clear(at, count) {
    this.data.fill(0, at, at + count);
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {number} count of floats
   */
  copy(from, to, count) {
    this.data.copyWithin(to, from, from + count);
  }

  /**
   * Fill each row of (rows, pixels) with its value.
   *
   * @param {number} values (rows)
   * @param {number} rows
   * @param {number} pixels
   * @param {number} out
   */
  fillRows(values, rows, pixels, out) {
    for (let row = 0; row < rows; row += 1) {
      const from = out + row * pixels;
      this.data.fill(this.data[values + row], from, from + pixels);
    }
  }

  /**
   * Write the transpose of a matrix (rows, inputs), which has `stride` floats from row to row.
   *
   * @param {number} matrix
   * @param {number} stride
   * @param {number} rows
   * @param {number} inputs
   * @param {number} out (inputs, rows)
   */
  transpose(matrix, stride, rows, inputs, out) {
    const { data } = this;
    for (let row = 0; row < rows; row += 1) {
      for (let input = 0; input < inputs; input += 1) {
        data[out + input * rows + row] = data[matrix + row * stride + input];
      }
    }
  }

  /**
   * Write the columns of a table (rows, length) that a comb selects, and zeros behind them.
   *
   * @param {number} table
   * @param {number} rows
   * @param {number} length
   * @param {import("../network/lattice.js").Comb} comb
   * @param {number} out (rows, pixels)
   * @param {number} pixels
   */
  gather(table, rows, length, { start, stride, count }, out, pixels) {
    const { data } = this;
    this.clear(out, rows * pixels);
    for (let row = 0; row < rows; row += 1) {
      for (let i = 0; i < count; i += 1) {
        data[out + row * pixels + i] = data[table + row * length + start + i * stride];
      }
    }
  }
}
