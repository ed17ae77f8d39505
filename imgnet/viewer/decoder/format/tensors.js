/** The layout of a safetensors file: a length, a JSON header, and tensors one behind the other. */

import { DAMAGED, FormatError, GET_AGAIN } from "../errors.js";
import { sizeOf } from "../shapes.js";

/** @typedef {Record<string, any>} Json */
/** @typedef {"U8" | "F16" | "F32" | "I16"} Dtype */
/** @typedef {Map<string, {shape: number[], dtype: Dtype}>} Kinds */

const PREFIX_BYTES = 8;
const MAX_HEADER_BYTES = 2 ** 20;
/** @type {Record<Dtype, number>} */
const WIDTHS = { U8: 1, F16: 2, F32: 4, I16: 2 };

/**
 * Cut a file into its header and its body.
 *
 * @param {Uint8Array} data
 * @returns {{header: Json, body: Uint8Array}}
 * @throws {FormatError} It is no safetensors file, or is cut short.
 */
export function split(data) {
  const length = headerBytes(data);
  if (!(length <= MAX_HEADER_BYTES && data[PREFIX_BYTES] === "{".charCodeAt(0))) {
    throw new FormatError("not an .inr file; `imgnet encode` makes one from an image");
  }
  const end = PREFIX_BYTES + length;
  if (data.length < end) {
    throw new FormatError(`cut short after ${data.length} bytes; ${GET_AGAIN}`);
  }
  return { header: load(data.subarray(PREFIX_BYTES, end)), body: data.subarray(end) };
}

/**
 * Describe tensors that lie one behind the other: wide ones first, then by name.
 *
 * @param {Kinds} tensors
 * @returns {Json}
 */
export function entriesOf(tensors) {
  const sorted = [...tensors].sort(
    ([name, { dtype }], [other, kind]) => WIDTHS[kind.dtype] - WIDTHS[dtype] || order(name, other),
  );
  /** @type {Json} */
  const entries = {};
  let end = 0;
  for (const [name, { shape, dtype }] of sorted) {
    const begin = end;
    end += sizeOf(shape) * WIDTHS[dtype];
    entries[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  return entries;
}

/**
 * Tell whether two JSON values are equal, whatever the order of their keys.
 *
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function isSame(one, other) {
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) {
    return one === other;
  }
  const keys = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key], other[key]))
  );
}

/**
 * Return a list from the header after a check of its length, types and values.
 *
 * @param {any} values
 * @param {[number, number][]} ranges least and most of each
 * @returns {number[]}
 * @throws {FormatError} It is no list of as many integers, or one of them is out of its range.
 */
export function integers(values, ranges) {
  const isRight =
    Array.isArray(values) &&
    values.length === ranges.length &&
    ranges.every(([least, most], i) => isWithin(values[i], least, most));
  if (!isRight) {
    throw new FormatError(DAMAGED);
  }
  return values;
}

/**
 * Return the length, 1..most, that the entry of a tensor of bytes claims.
 *
 * @param {any} entry
 * @param {number} most
 * @returns {number}
 */
export function lengthOf(entry, most) {
  return integers(entry?.shape, [[1, most]])[0];
}

/**
 * Make sure that the body is as long as the entries promise.
 *
 * @param {Json} entries
 * @param {number} bodyBytes
 */
export function checkLength(entries, bodyBytes) {
  const ends = Object.values(entries).map((entry) => entry?.data_offsets?.[1]);
  if (!ends.length || !ends.every(Number.isInteger)) {
    throw new FormatError(DAMAGED);
  }
  const promised = Math.max(...ends);
  if (promised !== bodyBytes) {
    const fault = `${bodyBytes} bytes of tensors where its header promises ${promised}`;
    throw new FormatError(`cut short or changed, ${fault}; ${GET_AGAIN}`);
  }
}

/**
 * Return the bytes of a tensor that an entry, known to be right, describes.
 *
 * @param {Uint8Array} body
 * @param {Json} entry
 * @returns {Uint8Array}
 */
export function bytesAt(body, entry) {
  return body.subarray(entry.data_offsets[0], entry.data_offsets[1]);
}

/**
 * Return the numbers of a tensor of floats or 16-bit integers.
 *
 * @param {Uint8Array} body
 * @param {Json} entry
 * @returns {Float64Array}
 */
export function numbersAt(body, entry) {
  const bytes = bytesAt(body, entry);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const width = WIDTHS[/** @type {Dtype} */ (entry.dtype)];
  const read = READERS[entry.dtype];
  return Float64Array.from({ length: bytes.length / width }, (_, i) => read(view, i * width));
}

/** @type {Record<string, (view: DataView, at: number) => number>} */
const READERS = {
  F16: (view, at) => halfOf(view.getUint16(at, true)),
  F32: (view, at) => view.getFloat32(at, true),
  I16: (view, at) => view.getInt16(at, true),
};

/**
 * @param {number} bits of a float16
 * @returns {number}
 */
function halfOf(bits) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits >> 15 ? -1 : 1;
  if (exponent === 31) {
    return fraction ? NaN : sign * Infinity;
  }
  const mantissa = exponent ? 1024 + fraction : fraction;
  return sign * mantissa * 2 ** (Math.max(exponent, 1) - 25);
}

/**
 * @param {Uint8Array} data
 * @returns {number} the length of the header
 */
function headerBytes(data) {
  let length = 0;
  for (let i = PREFIX_BYTES - 1; i >= 0; i -= 1) {
    length = length * 256 + (data[i] ?? 0);
  }
  return length;
}

/**
 * @param {Uint8Array} text
 * @returns {Json}
 */
function load(text) {
  let value;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text));
  } catch {
    throw new FormatError(DAMAGED);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new FormatError(DAMAGED);
  }
  return value;
}

/**
 * @param {string} name
 * @param {string} other
 * @returns {number}
 */
function order(name, other) {
  return name < other ? -1 : Number(name > other);
}

/**
 * @param {any} value
 * @param {number} least
 * @param {number} most
 * @returns {boolean}
 */
function isWithin(value, least, most) {
  return Number.isInteger(value) && value >= least && value <= most;
}
