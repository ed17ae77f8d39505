/** Rendering of each family of networks, from what a file holds to samples. */

import { plainBits } from "../format/byte_counts.js";
import { Crew } from "../coordinate/crew.js";
import { BAND, CoordinateNetwork } from "../coordinate/network.js";
import { readCoordinates } from "../format/coordinate_stream.js";
import { crc32 } from "../crc32.js";
import { FormatError } from "../errors.js";
import { GridStream } from "../format/grid_stream.js";
import { eightBits } from "../picture/picture.js";
import { PlainGrids } from "../grids/plain_grids.js";
import { Synthesis } from "./synthesis.js";

/** @typedef {import("../format/byte_counts.js").Counts} Counts */
/** @typedef {import("../format/container.js").Encoded} Encoded */
/** @typedef {import("../grids/grids.js").Grid} Grid */
/** @typedef {import("../grids/kept_grids.js").KeptGrids} KeptGrids */
/** @typedef {import("../grids/kept_grids.js").Network} Network */
/** @typedef {import("../picture/picture.js").Picture} Picture */
/** @typedef {import("../priors.js").Priors} Priors */
/** @typedef {import("../spec.js").Spec} Spec */

/**
 * @typedef {Object} Listener
 * @property {(picture: Picture, size: {width: number, height: number}) => void} onPreview called
 *   with each coarse picture and the size of the whole one
 * @property {(done: number) => void} onProgress called now and then with the part that is done
 */

/**
 * @typedef {Object} Rendered
 * @property {Picture} picture
 * @property {Counts} bits code length of each part
 * @property {Network | null} network of a whole picture of `grid`
 */

const WRONG_PIXELS =
  "decodes to other pixels than its encoder saw; " +
  "either this machine or a version of imgnet computes wrongly";
const LATENTS_PART = 0.6; // of the time
const SAMPLED_LEVELS = [4, 2]; // previews of coordinate networks
const MANY_PIXELS = 2 ** 21; // of a picture whose half size is worth a preview

/**
 * Render a picture.
 *
 * @param {Encoded} encoded
 * @param {Priors} priors
 * @param {Listener} listener
 * @param {number} neededWidth below half the width of the picture, a coarser level may do
 * @returns {Promise<Rendered>}
 * @throws {FormatError} The stream is damaged, or the pixels are not those of the encoder.
 */
export async function render(encoded, priors, listener, neededWidth) {
  const { spec, stream } = encoded;
  if (spec.family !== "grid") {
    return renderOfCoordinates(encoded, listener);
  }
  const source = stream ? new GridStream(spec, stream, priors) : new PlainGrids(encoded);
  const finest = neededLevel(spec, neededWidth);
  const picture = renderGrid(encoded, source, listener, finest);
  return { picture, bits: source.bits, network: finest ? null : source };
}

/**
 * Return the coarsest level that is at least twice as fine as the picture that is needed.
 *
 * A level just as fine would lack what finer levels contribute to its averages. Nor is the level
 * coarser than 1 or the finest that the file has: fits may store brightness there alone.
 *
 * @param {Spec} spec
 * @param {number} width
 * @returns {number}
 */
function neededLevel(spec, width) {
  const most = Math.min(Math.max(1, spec.finest), spec.numLevels - 1);
  let level = 0;
  while (level < most && width * 2 ** (level + 2) <= spec.width) {
    level += 1;
  }
  return level;
}

/**
 * Render a picture of `grid`.
 *
 * @param {Encoded} encoded
 * @param {GridStream | PlainGrids | KeptGrids} source of its latents and weights
 * @param {Listener} listener
 * @param {number} finest level whose size the picture has
 * @returns {Picture}
 * @throws {FormatError} The stream is damaged, or the pixels are not those of the encoder.
 */
export function renderGrid({ spec, depth }, source, listener, finest) {
  const synthesis = new Synthesis(spec, source.weights);
  for (let level = spec.numLevels - 1; level > finest; level -= 1) {
    const grids = readLevel(spec, source, level, listener);
    if (isPreviewed(spec, level)) {
      const samples = synthesis.render(level, grids, 8);
      const { width, height } = spec;
      listener.onPreview(pictureOf(spec, level, 8, samples), { width, height });
    }
    synthesis.add(level, grids);
  }
  const grids = readLevel(spec, source, finest, listener);
  const samples = synthesis.render(finest, grids, depth, (part) =>
    listener.onProgress(LATENTS_PART + (1 - LATENTS_PART) * part),
  );
  if (finest === 0) {
    source.finish();
    checkPixels(samples, source.pixelsCrc);
  }
  return pictureOf(spec, finest, depth, samples);
}

/**
 * @param {Uint8Array | Uint16Array} samples
 * @param {number | null} expected their CRC-32; null where the file does not say
 */
function checkPixels(samples, expected) {
  if (expected !== null && crc32(eightBits(samples)) !== expected) {
    throw new FormatError(WRONG_PIXELS);
  }
}

/**
 * @param {Spec} spec
 * @param {GridStream | PlainGrids | KeptGrids} source
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
 * @returns {Promise<Rendered>}
 */
async function renderOfCoordinates(encoded, listener) {
  const { spec, depth, stream } = encoded;
  const { parameters, bits } = stream
    ? readCoordinates(spec, stream)
    : { parameters: encoded.parameters, bits: plainBits(encoded) };
  const crew = new Crew({ sizes: spec, parameters, depth }); // which gets ready beside the previews
  try {
    const network = new CoordinateNetwork(spec, parameters);
    showPreviews(spec, network, listener);
    const samples = await wholePicture(spec, network, depth, crew, listener.onProgress);
    return { picture: pictureOf(spec, 0, depth, samples), bits, network: null };
  } finally {
    crew.close();
  }
}

/**
 * @param {Spec} spec
 * @param {CoordinateNetwork} network
 * @param {Listener} listener
 */
function showPreviews(spec, network, listener) {
  const { width, height } = spec;
  for (const level of SAMPLED_LEVELS.filter((one) => Math.min(width, height) >= 2 ** (one + 1))) {
    network.setLevel(level);
    const [rows, columns] = spec.gridSize(level);
    const samples = new Uint8Array(rows * columns * spec.dimOut);
    for (let band = 0; band < network.numBands; band += 1) {
      samples.set(network.render(band, 8), band * BAND * columns * spec.dimOut);
    }
    listener.onPreview(pictureOf(spec, level, 8, samples), { width, height });
  }
}

/**
 * @param {Spec} spec
 * @param {CoordinateNetwork} network
 * @param {number} depth
 * @param {Crew} crew
 * @param {(done: number) => void} onProgress
 * @returns {Promise<Uint8Array | Uint16Array>}
 */
async function wholePicture({ width, height, dimOut }, network, depth, crew, onProgress) {
  network.setLevel(0);
  const samples = new (depth === 16 ? Uint16Array : Uint8Array)(height * width * dimOut);
  let done = 0;
  await crew.render(network, depth, (band, part) => {
    samples.set(part, band * BAND * width * dimOut);
    done += part.length;
    onProgress(done / samples.length);
  });
  return samples;
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
