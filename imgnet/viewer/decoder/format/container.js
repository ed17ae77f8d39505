/** An .inr file: a safetensors file with a coded stream, or with all parameters. */

import { DAMAGED, FormatError } from "../errors.js";
import { checksumOf, fromHeader, readClaims } from "./header.js";
import { bytesAt, checkLength, entriesOf, isSame, lengthOf, numbersAt, split } from "./tensors.js";

/** @typedef {import("../priors.js").Priors} Priors */
/** @typedef {import("../spec.js").Spec} Spec */
/** @typedef {import("./tensors.js").Dtype} Dtype */
/** @typedef {import("./tensors.js").Json} Json */
/** @typedef {import("./tensors.js").Kinds} Kinds */
/** @typedef {Map<string, Float64Array>} Parameters by the name of a tensor */

/**
 * What a file holds.
 *
 * @typedef {Object} Encoded
 * @property {Spec} spec
 * @property {string} mode "L", "LA", "RGB" or "RGBA"
 * @property {number} depth bits of a sample at its source, 8 or 16
 * @property {Uint8Array | null} stream the coded stream, or null in a plain file
 * @property {Parameters} parameters those of a plain file; else empty
 * @property {number} numberBits of each of them, 16 or 32; else 0
 * @property {Map<string, Uint8Array>} metadata "exif", "icc" and "xmp", where present
 */

const STREAM = "w";
const METADATA_KINDS = ["exif", "icc", "xmp"];
const MAX_METADATA_BYTES = 2 ** 24;

/**
 * Read an encoded image; every claim of the file is checked before memory is spent on it.
 *
 * @param {Uint8Array} data content of an .inr file
 * @param {Priors} priors
 * @returns {Encoded}
 * @throws {FormatError} It is not an .inr file, is damaged, or is newer than this version.
 */
export function fromBytes(data, priors) {
  const { header: entries, body } = split(data);
  const { claims, promised } = fromHeader(entries);
  const { spec, mode, depth } = readClaims(claims, priors);
  checkLength(entries, body.length);
  const about = METADATA_KINDS.filter((name) => Object.hasOwn(entries, name));
  const isCoded = Object.hasOwn(entries, STREAM);
  const expected = expectedEntries(spec, entries, about, isCoded, body.length);
  if (checksumOf(claims, body) !== promised) {
    throw new FormatError(`${DAMAGED} (its checksum is wrong)`);
  }
  return {
    spec,
    mode,
    depth,
    stream: isCoded ? bytesAt(body, expected[STREAM]) : null,
    parameters: isCoded ? new Map() : plainParameters(spec, body, expected),
    numberBits: isCoded ? 0 : numberBitsOf(spec, expected),
    metadata: new Map(about.map((name) => [name, bytesAt(body, expected[name])])),
  };
}

/**
 * Return the entries of the tensors, which are those that the network needs.
 *
 * @param {Spec} spec
 * @param {Json} entries
 * @param {string[]} about kinds of metadata
 * @param {boolean} isCoded
 * @param {number} bodyBytes
 * @returns {Json}
 */
function expectedEntries(spec, entries, about, isCoded, bodyBytes) {
  if (spec.prior && !isCoded) {
    throw new FormatError(DAMAGED);
  }
  /** @type {Kinds} */
  const metadata = new Map(
    about.map((name) => [
      name,
      { shape: [lengthOf(entries[name], MAX_METADATA_BYTES)], dtype: "U8" },
    ]),
  );
  const shapes = isCoded
    ? new Map([[STREAM, [lengthOf(entries[STREAM], bodyBytes)]]])
    : spec.shapes();
  /** @type {Dtype[]} */
  const dtypes = isCoded ? ["U8"] : ["F16", "F32"];
  for (const dtype of dtypes) {
    /** @type {Kinds} */
    const wanted = new Map(metadata);
    shapes.forEach((shape, name) => wanted.set(name, { shape, dtype }));
    const expected = entriesOf(wanted);
    if (isSame(entries, expected)) {
      return expected;
    }
  }
  throw new FormatError(`${DAMAGED} (its tensors are not those of its network)`);
}

/**
 * @param {Spec} spec
 * @param {Uint8Array} body
 * @param {Json} entries
 * @returns {Parameters}
 */
function plainParameters(spec, body, entries) {
  const parameters = new Map();
  for (const name of spec.shapes().keys()) {
    const values = numbersAt(body, entries[name]);
    if (!values.every(Number.isFinite)) {
      throw new FormatError(`${DAMAGED} (its weights are not all finite)`);
    }
    parameters.set(name, values);
  }
  return parameters;
}

/**
 * @param {Spec} spec
 * @param {Json} entries
 * @returns {number}
 */
function numberBitsOf(spec, entries) {
  const [name] = spec.shapes().keys();
  return entries[name].dtype === "F16" ? 16 : 32;
}
