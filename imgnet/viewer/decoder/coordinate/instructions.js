/** Instructions of WebAssembly, by the names of its text format; operands come before options. */

import { signed, unsigned } from "./wasm.js";

/** @typedef {import("./wasm.js").Code} Code */
/** @typedef {import("./wasm.js").Local} Local */
/** @typedef {(...operands: Code[]) => Code} Operation */
/** @typedef {(address: Code, offset?: number) => Code} Load from address + offset bytes */
/** @typedef {(address: Code, value: Code, offset?: number) => Code} Store */
/** @typedef {(vector: Code, lane: number) => Code} OfLane */

const NO_RESULT = 0x40;
const END = 0x0b;
const ELSE = 0x05;
const SIMD = 0xfd;

export const i32 = {
  /** @type {(value: number) => Code} */
  const: (value) => [0x41, ...signed(value)],
  load: load(0x28, 2),
  load8_u: load(0x2d, 0),
  load16_u: load(0x2f, 1),
  store: store(0x36, 2),
  store8: store(0x3a, 0),
  store16: store(0x3b, 1),
  eqz: plain(0x45),
  eq: plain(0x46),
  ne: plain(0x47),
  lt_s: plain(0x48),
  gt_s: plain(0x4a),
  le_s: plain(0x4c),
  ge_s: plain(0x4e),
  add: plain(0x6a),
  sub: plain(0x6b),
  mul: plain(0x6c),
  and: plain(0x71),
  or: plain(0x72),
  xor: plain(0x73),
  shl: plain(0x74),
  shr_s: plain(0x75),
  shr_u: plain(0x76),
  trunc_f32_s: plain(0xa8),
};

export const f32 = {
  /** @type {(value: number) => Code} */
  const: (value) => [0x43, ...bytesOf(value)],
  load: load(0x2a, 2),
  store: store(0x38, 2),
  lt: plain(0x5d),
  gt: plain(0x5e),
  abs: plain(0x8b),
  neg: plain(0x8c),
  floor: plain(0x8e),
  nearest: plain(0x90),
  sqrt: plain(0x91),
  add: plain(0x92),
  sub: plain(0x93),
  mul: plain(0x94),
  div: plain(0x95),
  min: plain(0x96),
  max: plain(0x97),
  convert_i32_s: plain(0xb2),
};

export const v128 = {
  load: load([SIMD, 0], 4),
  load32_splat: load([SIMD, 9], 2),
  store: store([SIMD, 11], 4),
  and: simd(78),
  andnot: simd(79),
  or: simd(80),
  xor: simd(81),
  bitselect: simd(82),
};

export const i32x4 = {
  splat: simd(17),
  extract_lane: ofLane(27),
  shl: simd(171),
  shr_s: simd(172),
  shr_u: simd(173),
  add: simd(174),
  sub: simd(177),
  mul: simd(181),
  trunc_sat_f32x4_s: simd(248),
};

export const f32x4 = {
  /** @type {(value: number) => Code} the same in all lanes */
  const: (value) => [SIMD, 12, ...Array(4).fill(bytesOf(value)).flat()],
  splat: simd(19),
  extract_lane: ofLane(31),
  lt: simd(67),
  gt: simd(68),
  le: simd(69),
  ge: simd(70),
  nearest: simd(106),
  abs: simd(224),
  neg: simd(225),
  sqrt: simd(227),
  add: simd(228),
  sub: simd(229),
  mul: simd(230),
  div: simd(231),
  min: simd(232),
  max: simd(233),
  pmin: simd(234),
  pmax: simd(235),
  convert_i32x4_s: simd(250),
  /** The first times the second plus the third, rounded once or twice; not every engine has it. */
  relaxed_madd: simd(261),
};

/**
 * Repeat a body while a condition holds before it.
 *
 * @param {Code} condition
 * @param {Code} body
 * @returns {Code}
 */
export function whileTrue(condition, body) {
  const [BLOCK, LOOP, BR, BR_IF] = [0x02, 0x03, 0x0c, 0x0d];
  const leave = [i32.eqz(condition), BR_IF, 1];
  return [BLOCK, NO_RESULT, LOOP, NO_RESULT, leave, body, BR, 0, END, END];
}

/**
 * Run a body, and again as long as a condition holds behind it.
 *
 * @param {Code} body
 * @param {Code} condition
 * @returns {Code}
 */
export function doWhile(body, condition) {
  const [LOOP, BR_IF] = [0x03, 0x0d];
  return [LOOP, NO_RESULT, body, condition, BR_IF, 0, END];
}

/**
 * Repeat a body for a variable that counts from its value up to an end, at least once.
 *
 * @param {Local} variable of type i32
 * @param {Code} end computed again each time
 * @param {number} step
 * @param {Code} body
 * @returns {Code}
 */
export function countUp(variable, end, step, body) {
  return doWhile([body, increase(variable, step)], i32.lt_s(variable.get, end));
}

/**
 * @param {Local} variable of type i32
 * @param {number} step
 * @returns {Code}
 */
export function increase(variable, step) {
  return variable.set(i32.add(variable.get, i32.const(step)));
}

/**
 * Run one of two codes without results.
 *
 * @param {Code} condition
 * @param {Code} then
 * @param {Code} [otherwise]
 * @returns {Code}
 */
export function when(condition, then, otherwise = []) {
  return [condition, 0x04, NO_RESULT, then, ELSE, otherwise, END];
}

/**
 * @param {number} opcode
 * @returns {Operation}
 */
function plain(opcode) {
  return (...operands) => [...operands, opcode];
}

/**
 * @param {number} opcode
 * @returns {Operation}
 */
function simd(opcode) {
  return (...operands) => [...operands, SIMD, ...unsigned(opcode)];
}

/**
 * @param {number} opcode
 * @returns {OfLane}
 */
function ofLane(opcode) {
  return (vector, lane) => [vector, SIMD, opcode, lane];
}

/**
 * @param {number | number[]} opcode
 * @param {number} alignment its binary logarithm, a hint
 * @returns {Load}
 */
function load(opcode, alignment) {
  return (address, offset = 0) => [address, ...[opcode].flat(), alignment, ...unsigned(offset)];
}

/**
 * @param {number | number[]} opcode
 * @param {number} alignment
 * @returns {Store}
 */
function store(opcode, alignment) {
  return (address, value, offset = 0) => [
    address,
    value,
    ...[opcode].flat(),
    alignment,
    ...unsigned(offset),
  ];
}

/**
 * @param {number} value
 * @returns {number[]} its bytes as a float32
 */
function bytesOf(value) {
  return [...new Uint8Array(Float32Array.of(value).buffer)];
}
