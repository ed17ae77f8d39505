/** Code for a group of three rows: its sums in registers, and what a layer makes of them. */

import { doWhile, f32x4, i32, i32x4, increase, v128 } from "./instructions.js";
import { HEAD, ROWS, TILE } from "./tile.js";
import { V128 } from "./wasm.js";

/** @typedef {import("./wasm.js").Code} Code */
/** @typedef {import("./wasm.js").FunctionBuilder} FunctionBuilder */
/** @typedef {import("./wasm.js").Local} Local */
/** @typedef {(factor: Code, other: Code, summand: Code) => Code} MultiplyAdd */

/**
 * Turns the sums of a group into rows of the output.
 *
 * @typedef {Object} Finish
 * @property {number} rows of output a group
 * @property {(group: Group, sums: Code[], shift: Code) => Code[]} of the sums of a group at four
 *   positions
 */

// The sums of three rows at twelve positions, their weights and an input stay in the registers of
// x86-64.
export const EACH_ROW = [...Array(ROWS).keys()];
export const EACH_VECTOR = [...Array(TILE / 4).keys()]; // of the positions of a tile
export const VECTOR_BYTES = 16;
export const TILE_BYTES = 4 * TILE;

// Coefficients of 2 ** x in -1/2..1/2, with a relative error of 1e-7.
const EXP2 = [1.00000007, 0.69314697, 0.2402212, 0.05550713, 0.00967554, 0.00132765];
// `pmin` and `pmax` bound it by one instruction; `min` and `max` take seven, for NaN.
const LARGEST_EXPONENT = 126;
const TO_INTEGER = 1.5 * 2 ** 23; // a float32 as large as this has no fraction
const FRACTION_BITS = 23;
const GELU = [Math.sqrt(2 / Math.PI), Math.sqrt(2 / Math.PI) * 0.044715];

/** The sums of a group in registers. */
export class Group {
  /**
   * @param {FunctionBuilder} builder
   * @param {MultiplyAdd} multiplyAdd
   * @param {number[]} constants that are in memory; it adds to them
   */
  constructor(builder, multiplyAdd, constants) {
    this.builder = builder;
    this.multiplyAdd = multiplyAdd;
    this._constants = constants;
    /** @type {Local[][]} sums of each row and vector of positions */
    this.sums = EACH_ROW.map(() => builder.locals(V128, EACH_VECTOR.length));
    this._shift = builder.local(V128);
    this._x = builder.local(V128);
    this._power = builder.local(V128);
    this._whole = builder.local(V128);
    this._square = builder.local(V128);
  }

  /**
   * @param {Local} count
   * @param {Code} body
   * @returns {Code}
   */
  forGroups(count, body) {
    return doWhile([body, increase(count, -1)], count.get);
  }

  /**
   * Begin the sums with the biases of the head of a group, and go on to what is behind it.
   *
   * @param {Local} at
   * @returns {Code}
   */
  readHead(at) {
    const fill = (/** @type {Local} */ vector, /** @type {number} */ i) =>
      vector.set(v128.load32_splat(at.get, 4 * i));
    return [
      this.sums.map((sums, row) => sums.map((total) => fill(total, row))),
      fill(this._shift, ROWS),
      increase(at, 4 * HEAD),
    ];
  }

  /**
   * @param {number} row
   * @param {number} column
   * @param {Code} x
   * @param {Code} weight
   * @returns {Code}
   */
  accumulate(row, column, x, weight) {
    const total = this.sums[row][column];
    return total.set(this.multiplyAdd(x, weight, total.get));
  }

  /**
   * Write the output of a group, and go on behind it.
   *
   * @param {Finish} finish
   * @param {Local} output
   * @returns {Code}
   */
  write(finish, output) {
    return [
      EACH_VECTOR.map((column) => {
        const sums = this.sums.map((row) => row[column].get);
        return finish
          .of(this, sums, this._shift.get)
          .map((x, row) => v128.store(output.get, x, TILE_BYTES * row + VECTOR_BYTES * column));
      }),
      increase(output, TILE_BYTES * finish.rows),
    ];
  }

  /**
   * Return a constant in all lanes, from memory: engines take several instructions to make one.
   *
   * @param {number} value
   * @returns {Code}
   */
  constant(value) {
    if (!this._constants.includes(value)) {
      this._constants.push(value);
    }
    return v128.load32_splat(i32.const(0), 4 * this._constants.indexOf(value));
  }

  /**
   * @param {Code} x
   * @param {number} factor
   * @returns {Code}
   */
  scaled(x, factor) {
    return f32x4.mul(x, this.constant(factor));
  }

  /**
   * Return gelu(tanh(q k) v + shift); tanh(x) is 2 / (1 + exp(-2 x)) - 1.
   *
   * @param {Code[]} sums q, k and v
   * @param {Code} shift
   * @returns {Code}
   */
  gate([q, k, v], shift) {
    const x = this._x;
    const twofold = f32x4.div(this.constant(2), this._onePlusExp(f32x4.mul(q, k)));
    const tanh = f32x4.sub(twofold, this.constant(1));
    const cubic = this.multiplyAdd(
      f32x4.mul(x.get, x.get),
      this.constant(GELU[1]),
      this.constant(GELU[0]),
    );
    return [
      x.set(this.multiplyAdd(tanh, v, shift)),
      f32x4.div(x.get, this._onePlusExp(f32x4.mul(x.get, cubic))),
    ];
  }

  /**
   * @param {Code} x
   * @returns {Code} 1 + exp(-2 x)
   */
  _onePlusExp(x) {
    const [power, whole, square] = [this._power, this._whole, this._square];
    const bounded = f32x4.pmax(
      f32x4.pmin(this.scaled(x, -2 * Math.LOG2E), this.constant(LARGEST_EXPONENT)),
      this.constant(-LARGEST_EXPONENT),
    );
    const integer = f32x4.sub(whole.get, this.constant(TO_INTEGER));
    const fraction = power;
    const pairs = [0, 2, 4].map((i) =>
      this.multiplyAdd(this.constant(EXP2[i + 1]), fraction.get, this.constant(EXP2[i])),
    );
    const mantissa = pairs.reduceRight((sum, pair) => this.multiplyAdd(sum, square.get, pair));
    const exponent = i32x4.shl(whole.get, i32.const(FRACTION_BITS));
    return [
      power.set(bounded),
      whole.set(f32x4.add(power.get, this.constant(TO_INTEGER))),
      fraction.set(f32x4.sub(power.get, integer)),
      square.set(f32x4.mul(fraction.get, fraction.get)),
      f32x4.add(i32x4.add(mantissa, exponent), this.constant(1)),
    ];
  }
}
