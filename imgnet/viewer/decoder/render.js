/** Rendering of each family of networks, from what a file holds to samples. */

import { plainBits } from "./byte_counts.js";
import { renderCoordinates } from "./coordinate.js";
import { readCoordinates } from "./coordinate_stream.js";
import { crc32 } from "./crc32.js";
import { FormatError } from "./errors.js";
import { GridStream } from "./grid_stream.js";
import { eightBits } from "./picture.js";
import { PlainGrids } from "./plain_grids.js";
import { Synthesis } from "./synthesis.js";

/** @typedef {import("./byte_counts.js").Counts} Counts */
/** @typedef {import("./container.js").Encoded} Encoded */
/** @typedef {import("./grids.js").Grid} Grid */
/** @typedef {import("./picture.js").Picture} Picture */
/** @typedef {import("./priors.js").Priors} Priors */
/** @typedef {import("./spec.js").Spec} Spec */

/**
 * @typedef {Object} Listener
 * @property {(picture: Picture, size: {width: number, height: number}) => void} onPreview called
 *   with each coarse picture and the size of the whole one
 * @property {(done: number) => void} onProgress called now and then with the part that is done
 */

/** @typedef {{picture: Picture, bits: Counts}} Rendered a picture; code length of each part */

const WRONG_PIXELS =
  "decodes to other pixels than its encoder saw; " +
  "either this machine or a version of imgnet computes wrongly";
const LATENTS_PART = 0.6; // of the time
const MANY_PIXELS = 2 ** 21; // of a picture whose half size is worth a preview

/**
 * Render a picture at native size.
 *
 * @param {Encoded} encoded
 * @param {Priors} priors
 * @param {Listener} listener
 * @returns {Rendered}
 * @throws {FormatError} The stream is damaged, or the pixels are not those of the encoder.
 */
export function render(encoded, priors, listener) {
  return encoded.spec.family === "grid"
    ? renderGrid(encoded, priors, listener)
    : renderOfCoordinates(encoded, listener);
}

/**
 * @param {Encoded} encoded
 * @param {Priors} priors
 * @param {Listener} listener
 * @returns {Rendered}
 */
function renderGrid(encoded, priors, listener) {
  const { spec, depth, stream } = encoded;
  const source = stream ? new GridStream(spec, stream, priors) : new PlainGrids(encoded);
  const synthesis = new Synthesis(spec, source.weights);
  for (let level = spec.numLevels - 1; level > 0; level -= 1) {
    const grids = readLevel(spec, source, level, listener);
    if (isPreviewed(spec, level)) {
      const samples = synthesis.render(level, grids, 8);
      const { width, height } = spec;
      listener.onPreview(pictureOf(spec, level, 8, samples), { width, height });
    }
    synthesis.add(level, grids);
  }
  const grids = readLevel(spec, source, 0, listener);
  source.finish();
  const samples = synthesis.render(0, grids, depth, (part) =>
    listener.onProgress(LATENTS_PART + (1 - LATENTS_PART) * part),
  );
  if (source.pixelsCrc !== null && crc32(eightBits(samples)) !== source.pixelsCrc) {
    throw new FormatError(WRONG_PIXELS);
  }
  return { picture: pictureOf(spec, 0, depth, samples), bits: source.bits };
}

/**
 * @param {Spec} spec
 * @param {GridStream | PlainGrids} source
 * @param {number} level
 * @param {Listener} listener
 * @returns {Grid[]} none below the finest level
 */
function readLevel(spec, source, level, listener) {
  if (level < spec.finest) {
    return [];
  }
  const before = 4 ** -(level + 1); // the part of all latents that coarser levels have
  return source.readLevel(level, (part) =>
    listener.onProgress(LATENTS_PART * before * (1 + 3 * part)),
  );
}

/**
 * Tell whether a level is worth its time: some percent of that of the whole picture.
 *
 * @param {Spec} spec
 * @param {number} level
 * @returns {boolean}
 */
function isPreviewed(spec, level) {
  return level > 1 || spec.width * spec.height >= MANY_PIXELS;
}

/**
 * @param {Encoded} encoded
 * @param {Listener} listener
 * @returns {Rendered}
 */
function renderOfCoordinates(encoded, listener) {
  const { spec, depth, stream } = encoded;
  const { parameters, bits } = stream
    ? readCoordinates(spec, stream)
    : { parameters: encoded.parameters, bits: plainBits(encoded) };
  const samples = renderCoordinates(spec, parameters, depth, listener.onProgress);
  return { picture: pictureOf(spec, 0, depth, samples), bits };
}

/**
 * @param {Spec} spec
 * @param {number} level
 * @param {number} depth
 * @param {Uint8Array | Uint16Array} samples
 * @returns {Picture}
 */
function pictureOf(spec, level, depth, samples) {
  const [height, width] = spec.gridSize(level);
  return { width, height, channels: spec.dimOut, depth, samples };
}
