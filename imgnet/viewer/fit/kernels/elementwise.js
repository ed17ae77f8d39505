/** Activations in WebAssembly, forward and backward. */

import { f32x4, i32, i32x4, v128, whileTrue } from "../../decoder/coordinate/instructions.js";
import { I32, V128 } from "../../decoder/coordinate/wasm.js";
import { multiplyAdd, step, times } from "./products.js";
import { forEach, next } from "./sums.js";

/** @typedef {import("../../decoder/coordinate/wasm.js").Code} Code */
/** @typedef {import("../../decoder/coordinate/wasm.js").FunctionBuilder} FunctionBuilder */
/** @typedef {import("../../decoder/coordinate/wasm.js").Local} Local */
/** @typedef {import("../../decoder/coordinate/wasm.js").Module} Module */

const FLOAT = 4;
const SLOPE = 0.1;
const C0 = 2 * Math.sqrt(2 / Math.PI);
const C1 = C0 * 0.044715;
const LARGEST = 80; // of an exponent: beyond, a sigmoid is 0 or 1 in float32
const TERMS = 6; // of the series of 2**f, |f| <= 1/2: the last is below 1e-5
const FRACTION_BITS = 23; // of the fraction of a float32, below its exponent
const TO_INTEGER = 1.5 * 2 ** FRACTION_BITS; // a float32 as large as this has no fraction

/**
 * Add `leaky`, `leakyBack`, `gate` and `gateBack`.
 *
 * @param {Module} module
 * @param {boolean} isFused
 */
export function addElementwise(module, isFused) {
  const madd = multiplyAdd(isFused);
  const sigmoid = module.addFunction([V128], [V128], (builder, x) => sigmoidOf(builder, madd, x));
  module.exportFunction("leaky", [I32, I32], [], (builder, x, count) => {
    const value = builder.local(V128);
    return forEach(x, count, [
      value.set(v128.load(x.get)),
      v128.store(x.get, f32x4.pmax(value.get, scaled(SLOPE, value.get))),
      next(x),
    ]);
  });
  module.exportFunction("leakyBack", [I32, I32, I32], [], (builder, out, gradient, count) => {
    const value = builder.local(V128);
    const isAbove = f32x4.gt(v128.load(out.get), f32x4.const(0));
    const slope = v128.bitselect(f32x4.const(1), f32x4.const(SLOPE), isAbove);
    return forEach(gradient, count, [
      value.set(v128.load(gradient.get)),
      v128.store(gradient.get, f32x4.mul(value.get, slope)),
      next(gradient, out),
    ]);
  });
  module.exportFunction("gate", Array(6).fill(I32), [], (builder, ...parameters) =>
    gate(builder, sigmoid, ...parameters),
  );
  module.exportFunction("gateBack", Array(5).fill(I32), [], gateBack);
}

/**
 * @param {FunctionBuilder} builder
 * @param {FunctionBuilder} sigmoid
 * @param {...Local} given parameters of `Kernels.gate`, addresses in bytes
 * @returns {Code}
 */
function gate(builder, sigmoid, ...given) {
  const [stacked, shift, units, pixels, kept, out] = given;
  const [bytes, bytesBoth, end] = builder.locals(I32, 3);
  const [s, h, t] = builder.locals(V128, 3);
  const product = f32x4.mul(v128.load(stacked.get), at(stacked, bytes));
  return [
    bytes.set(times(i32.mul(units.get, pixels.get), FLOAT)),
    bytesBoth.set(times(bytes.get, 2)),
    whileTrue(i32.gt_s(units.get, i32.const(0)), [
      end.set(i32.add(out.get, times(pixels.get, FLOAT))),
      whileTrue(i32.lt_s(out.get, end.get), [
        s.set(sigmoid.call(scaled(2, product))),
        h.set(f32x4.mul(f32x4.sub(scaled(2, s.get), f32x4.const(1)), at(stacked, bytesBoth))),
        h.set(f32x4.add(h.get, v128.load32_splat(shift.get))),
        t.set(sigmoid.call(f32x4.mul(h.get, slopeOf(h, C1)))),
        v128.store(kept.get, s.get),
        v128.store(i32.add(kept.get, bytes.get), h.get),
        v128.store(i32.add(kept.get, bytesBoth.get), t.get),
        v128.store(out.get, f32x4.mul(h.get, t.get)),
        next(stacked, kept, out),
      ]),
      step(shift, i32.const(FLOAT)),
      step(units, i32.const(-1)),
    ]),
  ];
}

/**
 * @param {FunctionBuilder} builder
 * @param {...Local} given parameters of `Kernels.gateBack`, but the number of floats of an array
 *   for units and pixels; addresses in bytes
 * @returns {Code}
 */
function gateBack(builder, ...given) {
  const [stacked, kept, count, gradient, toStacked] = given;
  const [bytes, bytesBoth] = builder.locals(I32, 2);
  const [s, h, t, toH, toProduct] = builder.locals(V128, 5);
  const bell = (/** @type {Local} */ value) =>
    f32x4.mul(value.get, f32x4.sub(f32x4.const(1), value.get));
  const slope = f32x4.mul(f32x4.mul(h.get, bell(t)), slopeOf(h, 3 * C1));
  return [
    bytes.set(times(count.get, FLOAT)),
    bytesBoth.set(times(bytes.get, 2)),
    forEach(gradient, count, [
      s.set(v128.load(kept.get)),
      h.set(at(kept, bytes)),
      t.set(at(kept, bytesBoth)),
      toH.set(f32x4.mul(v128.load(gradient.get), f32x4.add(t.get, slope))),
      toProduct.set(f32x4.mul(toH.get, scaled(4, bell(s)))),
      toProduct.set(f32x4.mul(toProduct.get, at(stacked, bytesBoth))),
      v128.store(toStacked.get, f32x4.mul(toProduct.get, at(stacked, bytes))),
      v128.store(
        i32.add(toStacked.get, bytes.get),
        f32x4.mul(toProduct.get, v128.load(stacked.get)),
      ),
      v128.store(
        i32.add(toStacked.get, bytesBoth.get),
        f32x4.mul(toH.get, f32x4.sub(scaled(2, s.get), f32x4.const(1))),
      ),
      v128.store(gradient.get, toH.get),
      next(stacked, kept, gradient, toStacked),
    ]),
  ];
}

/**
 * @param {Local} h
 * @param {number} factor
 * @returns {Code} C0 + factor h h
 */
function slopeOf(h, factor) {
  return f32x4.add(f32x4.const(C0), scaled(factor, f32x4.mul(h.get, h.get)));
}

/**
 * Write 1 / (1 + exp(-x)); the power of 2 that exp is has its whole part in the exponent.
 *
 * @param {FunctionBuilder} builder
 * @param {import("./products.js").MultiplyAdd} madd
 * @param {Local} x
 * @returns {Code}
 */
function sigmoidOf(builder, madd, x) {
  const [moved, rest, power] = builder.locals(V128, 3);
  const { LN2 } = Math;
  let term = 1;
  const series = Array.from({ length: TERMS }, (_, i) => (term *= i ? LN2 / i : 1)).reverse();
  const octaves = i32x4.shl(moved.get, i32.const(FRACTION_BITS));
  return [
    x.set(f32x4.min(f32x4.max(x.get, f32x4.const(-LARGEST)), f32x4.const(LARGEST))),
    x.set(scaled(-1 / LN2, x.get)),
    moved.set(f32x4.add(x.get, f32x4.const(TO_INTEGER))),
    rest.set(f32x4.sub(x.get, f32x4.sub(moved.get, f32x4.const(TO_INTEGER)))),
    power.set(f32x4.const(series[0])),
    series.slice(1).map((number) => power.set(madd(power.get, rest.get, f32x4.const(number)))),
    power.set(i32x4.add(power.get, octaves)),
    f32x4.div(f32x4.const(1), f32x4.add(f32x4.const(1), power.get)),
  ];
}

/**
 * @param {Local} address
 * @param {Local} offset
 * @returns {Code} the vector there
 */
function at(address, offset) {
  return v128.load(i32.add(address.get, offset.get));
}

/**
 * @param {number} factor
 * @param {Code} vector
 * @returns {Code}
 */
function scaled(factor, vector) {
  return f32x4.mul(f32x4.const(factor), vector);
}
