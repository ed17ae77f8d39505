/** Sums over pixels in WebAssembly, and the sums of columns and rows of a lattice. */

import { f32x4, i32, v128, whileTrue } from "../../decoder/coordinate/instructions.js";
import { I32, V128 } from "../../decoder/coordinate/wasm.js";
import { addTo, multiplyAdd, step, times } from "./products.js";

/** @typedef {import("../../decoder/coordinate/wasm.js").Module} Module */
/** @typedef {import("../../decoder/coordinate/wasm.js").Code} Code */
/** @typedef {import("../../decoder/coordinate/wasm.js").Local} Local */
/** @typedef {import("../../decoder/coordinate/wasm.js").Write} Write */

const FLOAT = 4;
const VECTOR = 16;

/**
 * Add `rowSums`, `add`, `addTimes`, `addDot`, `spread` and `collect`.
 *
 * @param {Module} module
 * @param {boolean} isFused
 */
export function addSums(module, isFused) {
  const madd = multiplyAdd(isFused);
  module.exportFunction("rowSums", [I32, I32, I32, I32], [], rowSums);
  module.exportFunction("spread", Array(7).fill(I32), [], spread);
  module.exportFunction("collect", Array(7).fill(I32), [], collect);
  module.exportFunction("add", [I32, I32, I32], [], (_, x, out, count) =>
    forEach(out, count, [
      v128.store(out.get, f32x4.add(v128.load(x.get), v128.load(out.get))),
      next(x, out),
    ]),
  );
  module.exportFunction("addTimes", [I32, I32, I32, I32], [], (builder, x, factor, out, count) => {
    const splat = builder.local(V128);
    return [
      splat.set(v128.load32_splat(factor.get)),
      forEach(out, count, [
        v128.store(out.get, madd(v128.load(x.get), splat.get, v128.load(out.get))),
        next(x, out),
      ]),
    ];
  });
  module.exportFunction("addDot", [I32, I32, I32, I32], [], (builder, one, other, count, sum) => {
    const total = builder.local(V128);
    return [
      forEach(one, count, [
        total.set(madd(v128.load(one.get), v128.load(other.get), total.get)),
        next(one, other),
      ]),
      addTo(sum, total),
    ];
  });
}

/** @type {Write} */
function rowSums(builder, x, rows, pixels, sum) {
  const end = builder.local(I32);
  const total = builder.local(V128);
  return whileTrue(i32.gt_s(rows.get, i32.const(0)), [
    total.set(f32x4.const(0)),
    end.set(i32.add(x.get, times(pixels.get, FLOAT))),
    whileTrue(i32.lt_s(x.get, end.get), [
      total.set(f32x4.add(total.get, v128.load(x.get))),
      next(x),
    ]),
    addTo(sum, total),
    step(sum, i32.const(FLOAT)),
    step(rows, i32.const(-1)),
  ]);
}

/** @type {Write} */
function spread(builder, columns, width, rows, stride, units, height, out) {
  const [y, x, end] = builder.locals(I32, 3);
  const row = builder.local(V128);
  return [
    width.set(times(width.get, FLOAT)),
    perUnit(
      units,
      [columns, width.get, rows, stride.get],
      [
        y.set(i32.const(0)),
        whileTrue(i32.lt_s(y.get, height.get), [
          row.set(v128.load32_splat(i32.add(rows.get, times(y.get, FLOAT)))),
          x.set(columns.get),
          end.set(i32.add(columns.get, width.get)),
          whileTrue(i32.lt_s(x.get, end.get), [
            v128.store(out.get, f32x4.add(v128.load(x.get), row.get)),
            next(x, out),
          ]),
          step(y, i32.const(1)),
        ]),
      ],
    ),
  ];
}

/** @type {Write} */
function collect(builder, gradient, units, height, toColumns, width, toRows, stride) {
  const [y, x, end] = builder.locals(I32, 3);
  const [value, total] = builder.locals(V128, 2);
  const to = builder.local(I32);
  return [
    width.set(times(width.get, FLOAT)),
    perUnit(
      units,
      [toColumns, width.get, toRows, stride.get],
      [
        y.set(i32.const(0)),
        whileTrue(i32.lt_s(y.get, height.get), [
          total.set(f32x4.const(0)),
          x.set(toColumns.get),
          end.set(i32.add(toColumns.get, width.get)),
          whileTrue(i32.lt_s(x.get, end.get), [
            value.set(v128.load(gradient.get)),
            total.set(f32x4.add(total.get, value.get)),
            v128.store(x.get, f32x4.add(v128.load(x.get), value.get)),
            next(x, gradient),
          ]),
          to.set(i32.add(toRows.get, times(y.get, FLOAT))),
          addTo(to, total),
          step(y, i32.const(1)),
        ]),
      ],
    ),
  ];
}

/**
 * Repeat a body for each unit, and move to the columns and rows of the next one.
 *
 * @param {Local} units counts down
 * @param {[Local, Code, Local, Code]} moved addresses, each with the bytes of a unit
 * @param {Code} body
 * @returns {Code}
 */
function perUnit(units, [columns, ofColumns, rows, ofRows], body) {
  return whileTrue(i32.gt_s(units.get, i32.const(0)), [
    body,
    step(columns, ofColumns),
    step(rows, ofRows),
    step(units, i32.const(-1)),
  ]);
}

/**
 * @param {...Local} addresses
 * @returns {Code} that moves them to the next vector
 */
export function next(...addresses) {
  return addresses.map((address) => step(address, i32.const(VECTOR)));
}

/**
 * Repeat a body, which moves an address from vector to vector, for a number of floats.
 *
 * @param {Local} address
 * @param {Local} count becomes the end
 * @param {Code} body
 * @returns {Code}
 */
export function forEach(address, count, body) {
  return [
    count.set(i32.add(address.get, times(count.get, FLOAT))),
    whileTrue(i32.lt_s(address.get, count.get), body),
  ];
}
