/** Code of the kernels of coordinate networks: float32 in lanes, eight positions at a time. */

import { doWhile, f32x4, i32, i32x4, increase, v128 } from "./instructions.js";
import { HEAD, ROWS, TILE } from "./tile.js";
import { I32, Module, V128 } from "./wasm.js";

/** @typedef {import("./wasm.js").Code} Code */
/** @typedef {import("./wasm.js").FunctionBuilder} FunctionBuilder */
/** @typedef {import("./wasm.js").Local} Local */
/** @typedef {(factor: Code, other: Code, summand: Code) => Code} MultiplyAdd */

/**
 * Turns the sums of a group into rows of the output.
 *
 * @typedef {Object} Finish
 * @property {number} rows of output a group
 * @property {(kit: Kit, sums: Code[], shift: Code) => Code[]} of the sums of a group at the same
 *   positions
 */

// The sums of three rows at eight positions, their weights and an input stay in 15 registers, those
// that x86-64 has; loops are not unrolled, for engines would then load too much ahead.
const GROUP = [...Array(ROWS).keys()];
const VECTORS = [...Array(TILE / 4).keys()]; // of the positions of a tile
const VECTOR_BYTES = 16;
const TILE_BYTES = 4 * TILE;

// Coefficients of 2 ** x in -1/2..1/2, with a relative error of 1e-7.
const EXP2 = [1.00000007, 0.69314697, 0.2402212, 0.05550713, 0.00967554, 0.00132765];
const LARGEST_EXPONENT = 126;
const TO_INTEGER = 1.5 * 2 ** 23; // a float32 as large as this has no fraction
const FRACTION_BITS = 23;
const LEAK = 0.1;
const GELU = [Math.sqrt(2 / Math.PI), Math.sqrt(2 / Math.PI) * 0.044715];

/** @type {Record<string, Finish>} */
const FINISHES = {
  affine: { rows: 3, of: (_, sums) => sums },
  leaky: { rows: 3, of: (_, sums) => sums.map((x) => f32x4.max(x, scaled(x, LEAK))) },
  gated: { rows: 1, of: (kit, sums, shift) => [kit.gate(sums, shift)] },
};

/**
 * Return the binary module. Its functions are those of `Kernel`, with addresses in bytes.
 *
 * @param {boolean} isFused whether it multiplies and adds by one instruction, which is relaxed SIMD
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function kernelCode(isFused) {
  const module = new Module();
  module.importMemory("js", "memory", 1);
  /** @type {MultiplyAdd} */
  const fused = (factor, other, summand) => f32x4.relaxed_madd(factor, other, summand);
  /** @type {MultiplyAdd} */
  const separate = (factor, other, summand) => f32x4.add(f32x4.mul(factor, other), summand);
  const multiplyAdd = isFused ? fused : separate;
  for (const [name, finish] of Object.entries(FINISHES)) {
    module.exportFunction(name, Array(5).fill(I32), [], (builder, ...parameters) =>
      product(new Kit(builder, multiplyAdd), finish, parameters),
    );
    module.exportFunction(`${name}Sum`, Array(4).fill(I32), [], (builder, ...parameters) =>
      sum(new Kit(builder, multiplyAdd), finish, parameters),
    );
  }
  module.exportFunction("addScaled", Array(4).fill(I32), [], (builder, ...parameters) =>
    addScaled(new Kit(builder, multiplyAdd), parameters),
  );
  return module.bytes();
}

/**
 * Multiply the inputs by groups of three rows of weights.
 *
 * @param {Kit} kit
 * @param {Finish} finish
 * @param {Local[]} parameters
 * @returns {Code}
 */
function product(kit, finish, [layer, groups, input, inputs, output]) {
  const [at, end] = kit.builder.locals(I32, 2);
  const weights = kit.builder.locals(V128, ROWS);
  const x = kit.builder.local(V128);
  const products = [
    GROUP.map((row) => weights[row].set(v128.load32_splat(layer.get, 4 * row))),
    VECTORS.map((column) => [
      x.set(v128.load(at.get, VECTOR_BYTES * column)),
      GROUP.map((row) => kit.accumulate(row, column, x.get, weights[row].get)),
    ]),
    increase(layer, 4 * ROWS),
    increase(at, TILE_BYTES),
  ];
  return [
    end.set(i32.add(input.get, i32.mul(inputs.get, i32.const(TILE_BYTES)))),
    kit.forGroups(groups, [
      kit.readHead(layer),
      at.set(input.get),
      doWhile(products, i32.ne(at.get, end.get)),
      kit.write(finish, output),
    ]),
  ];
}

/**
 * Add the heads of groups to what the columns contribute.
 *
 * @param {Kit} kit
 * @param {Finish} finish
 * @param {Local[]} parameters
 * @returns {Code}
 */
function sum(kit, finish, [heads, groups, columns, output]) {
  return kit.forGroups(groups, [
    kit.readHead(heads),
    kit.sums.map((sums, row) =>
      sums.map((total, column) => {
        const summand = v128.load(columns.get, TILE_BYTES * row + VECTOR_BYTES * column);
        return total.set(f32x4.add(total.get, summand));
      }),
    ),
    increase(columns, TILE_BYTES * ROWS),
    kit.write(finish, output),
  ]);
}

/**
 * Add rows times a factor to other rows.
 *
 * @param {Kit} kit
 * @param {Local[]} parameters
 * @returns {Code}
 */
function addScaled(kit, [rows, summands, factor, count]) {
  const scale = kit.builder.local(V128);
  const added = VECTORS.map((column) => {
    const offset = VECTOR_BYTES * column;
    const [x, y] = [summands, rows].map((at) => v128.load(at.get, offset));
    return v128.store(rows.get, kit.multiplyAdd(x, scale.get, y), offset);
  });
  return [
    scale.set(v128.load32_splat(factor.get)),
    kit.forGroups(count, [added, increase(rows, TILE_BYTES), increase(summands, TILE_BYTES)]),
  ];
}

/** What the functions share: the sums of a group, and arithmetic on them. */
class Kit {
  /**
   * @param {FunctionBuilder} builder
   * @param {MultiplyAdd} multiplyAdd
   */
  constructor(builder, multiplyAdd) {
    this.builder = builder;
    this.multiplyAdd = multiplyAdd;
    /** @type {Local[][]} sums of each row and vector of positions */
    this.sums = GROUP.map(() => builder.locals(V128, VECTORS.length));
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
      VECTORS.map((column) => {
        const sums = this.sums.map((row) => row[column].get);
        return finish
          .of(this, sums, this._shift.get)
          .map((x, row) => v128.store(output.get, x, TILE_BYTES * row + VECTOR_BYTES * column));
      }),
      increase(output, TILE_BYTES * finish.rows),
    ];
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
    const tanh = f32x4.sub(f32x4.div(f32x4.const(2), this._onePlusExp(f32x4.mul(q, k))), one());
    const cubic = this.multiplyAdd(
      f32x4.mul(x.get, x.get),
      f32x4.const(GELU[1]),
      f32x4.const(GELU[0]),
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
    const bounded = f32x4.max(
      f32x4.min(scaled(x, -2 * Math.LOG2E), f32x4.const(LARGEST_EXPONENT)),
      f32x4.const(-LARGEST_EXPONENT),
    );
    const integer = f32x4.sub(whole.get, f32x4.const(TO_INTEGER));
    const fraction = power;
    const pairs = [0, 2, 4].map((i) =>
      this.multiplyAdd(f32x4.const(EXP2[i + 1]), fraction.get, f32x4.const(EXP2[i])),
    );
    const mantissa = pairs.reduceRight((sum, pair) => this.multiplyAdd(sum, square.get, pair));
    const exponent = i32x4.shl(whole.get, i32.const(FRACTION_BITS));
    return [
      power.set(bounded),
      whole.set(f32x4.add(power.get, f32x4.const(TO_INTEGER))),
      fraction.set(f32x4.sub(power.get, integer)),
      square.set(f32x4.mul(fraction.get, fraction.get)),
      f32x4.add(i32x4.add(mantissa, exponent), one()),
    ];
  }
}

/**
 * @param {Code} x
 * @param {number} factor
 * @returns {Code}
 */
function scaled(x, factor) {
  return f32x4.mul(x, f32x4.const(factor));
}

/** @returns {Code} */
function one() {
  return f32x4.const(1);
}
