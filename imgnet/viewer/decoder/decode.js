/** Decoder of .inr files. */

import { bytesByPart } from "./format/byte_counts.js";
import { fromBytes } from "./format/container.js";
import { FormatError } from "./errors.js";
import { render } from "./render/render.js";

/** @typedef {import("./format/byte_counts.js").Counts} Counts */
/** @typedef {import("./format/container.js").Encoded} Encoded */
/** @typedef {import("./grids/kept_grids.js").Network} Network */
/** @typedef {import("./picture/picture.js").Picture} Picture */
/** @typedef {import("./priors.js").Priors} Priors */
/** @typedef {import("./render/render.js").Listener} Listener */

/**
 * @typedef {Object} Decoded
 * @property {Encoded} encoded what the file holds
 * @property {Picture} picture
 * @property {Network | null} network of a whole picture of `grid`
 * @property {Counts} parts bytes of the header, the network and the latents of each level
 */

/**
 * Decode a file, coarse pictures first.
 *
 * @param {Uint8Array} data
 * @param {string} name of the file, for messages
 * @param {Priors} priors
 * @param {Listener} listener
 * @param {number} [neededWidth] below half the width of the picture, a coarser one may do
 * @returns {Promise<Decoded>}
 * @throws {FormatError} It is not an .inr file, is damaged, or needs what is not here.
 */
export async function decode(data, name, priors, listener, neededWidth = Infinity) {
  try {
    const encoded = fromBytes(data, priors);
    const { picture, bits, network } = await render(encoded, priors, listener, neededWidth);
    return { encoded, picture, network, parts: bytesByPart(bits, data.length) };
  } catch (error) {
    throw error instanceof FormatError ? new FormatError(`${name}: ${error.message}`) : error;
  }
}
