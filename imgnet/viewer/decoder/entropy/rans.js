/** Bytes to symbols: the decoder of a range coder (rANS). */

import { FormatError } from "../errors.js";

const STATE_BYTES = 4;
const LEAST_STATE = 2 ** 16; // states lie in 2**16 .. 2**32, where decoders end

/** A reader of symbols, one under each table; a table may depend on all symbols before it. */
export class Decoder {
  /**
   * @param {Uint8Array} data
   * @throws {FormatError} The stream is cut short.
   */
  constructor(data) {
    if (data.length < STATE_BYTES || data.length % 2) {
      throw new FormatError("the coded stream is cut short");
    }
    this._data = data;
    this._position = STATE_BYTES;
    this._state = data[0] + 256 * (data[1] + 256 * (data[2] + 256 * data[3]));
  }

  /**
   * Return the code length of all symbols that were read, in bits, up to a constant.
   *
   * @returns {number}
   */
  get bits() {
    return 8 * this._position - Math.log2(this._state);
  }

  /**
   * Return the next symbol.
   *
   * @param {Int32Array} table symbol k owns the slots table[k] .. table[k + 1] - 1
   * @returns {number}
   * @throws {FormatError} The stream is cut short.
   */
  read(table) {
    const slot = this._state & 0xffff;
    let symbol = 0;
    let above = table.length - 1;
    while (above - symbol > 1) {
      const middle = (symbol + above) >> 1;
      if (table[middle] <= slot) {
        symbol = middle;
      } else {
        above = middle;
      }
    }
    this._take(slot, table[symbol], table[symbol + 1]);
    return symbol;
  }

  /**
   * Return the next bits, of equal likelihood.
   *
   * @param {number} count at most 16
   * @returns {number}
   * @throws {FormatError} The stream is cut short.
   */
  readBits(count) {
    const slot = this._state & 0xffff;
    const symbol = slot >> (16 - count);
    const start = symbol << (16 - count);
    this._take(slot, start, start + (1 << (16 - count)));
    return symbol;
  }

  /**
   * Check that the stream ends here, as a whole stream does.
   *
   * @throws {FormatError} The stream is damaged or goes on.
   */
  finish() {
    if (this._state !== LEAST_STATE || this._position !== this._data.length) {
      throw new FormatError("the coded stream is damaged");
    }
  }

  /**
   * Remove a symbol from the state.
   *
   * @param {number} slot
   * @param {number} start first slot of the symbol
   * @param {number} end slot behind its last
   */
  _take(slot, start, end) {
    let state = (end - start) * (this._state >>> 16) + slot - start;
    if (state < LEAST_STATE) {
      const position = this._position;
      if (position === this._data.length) {
        throw new FormatError("the coded stream is cut short");
      }
      state = state * 65536 + this._data[position] + 256 * this._data[position + 1];
      this._position = position + 2;
    }
    this._state = state;
  }
}
