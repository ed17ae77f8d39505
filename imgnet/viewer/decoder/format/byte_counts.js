/** Bytes of a file by part: header, network and latents. */

import { sizeOf } from "../shapes.js";

/** @typedef {import("./container.js").Encoded} Encoded */
/** @typedef {Map<string, number>} Counts by part */

const NETWORK = "network";

/**
 * Split the bytes of a file into those of its header, of its network and of its latents.
 *
 * A coded symbol costs a fraction of a byte, so these are rounded; their sum is that of the file.
 *
 * @param {Counts} bits code length of the network and of the latents of each level
 * @param {number} numBytes of the file
 * @returns {Counts}
 */
export function bytesByPart(bits, numBytes) {
  const parts = [...bits].map(([part, length]) => [part, Math.round(length / 8)]);
  const latents = parts.filter(([part]) => part !== NETWORK).reverse(); // finest first
  const network = parts.filter(([part]) => part === NETWORK);
  const rest = parts.reduce((left, [, bytes]) => left - Number(bytes), numBytes);
  return new Map(/** @type {[string, number][]} */ ([["header", rest], ...network, ...latents]));
}

/**
 * Name the latents of a level.
 *
 * @param {number} level
 * @returns {string}
 */
export function latentsPart(level) {
  return `latents 1/${2 ** level}`;
}

/**
 * Return the code length of each part of a plain file.
 *
 * @param {Encoded} encoded
 * @returns {Counts}
 */
export function plainBits({ spec, numberBits }) {
  /** @type {Counts} */
  const bits = new Map([[NETWORK, 0]]);
  for (const [name, shape] of spec.shapes()) {
    const [kind, , level] = name.split(".");
    const part = kind === "latents" ? latentsPart(Number(level)) : NETWORK;
    bits.set(part, (bits.get(part) ?? 0) + numberBits * sizeOf(shape));
  }
  return bits;
}
