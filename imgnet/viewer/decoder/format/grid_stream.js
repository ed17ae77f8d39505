/** Stream of `grid`: the CRC-32 of the pixels, the coded weights, escapes and latents. */

import { latentsPart } from "./byte_counts.js";
import { LARGEST_LATENT } from "../entropy/context.js";
import { TOTAL } from "../entropy/distributions.js";
import { FormatError } from "../errors.js";
import { fromReal } from "../entropy/fixed_point.js";
import { emptyGrid } from "../grids/grids.js";
import { sizeOf } from "../shapes.js";
import { LatentReader, readGrids } from "../entropy/wavefront.js";
import { checkWeights, GRID_HEADERS, readWeights, streamBytesOf } from "../entropy/weights.js";

/** @typedef {import("../entropy/fixed_point.js").Weights} Weights */
/** @typedef {import("../grids/grids.js").Grid} Grid */
/** @typedef {import("../priors.js").Priors} Priors */
/** @typedef {import("../entropy/rans.js").Decoder} Decoder */
/** @typedef {import("../spec.js").Spec} Spec */

const CRC_BYTES = 4;
const MAX_LATENTS_PER_BYTE = 2 ** 17;
const ANY_ESCAPES = Int32Array.from([0, TOTAL - 1, TOTAL]);
const DAMAGED = "the coded stream is damaged";

/** A reader of the stream, level by level from the coarsest. */
export class GridStream {
  /**
   * @param {Spec} spec
   * @param {Uint8Array} data
   * @param {Priors} priors
   * @throws {FormatError} The stream is cut short or damaged, or too short for its claims.
   */
  constructor(spec, data, priors) {
    const shapes = spec.networkShapes();
    const coded = data.subarray(CRC_BYTES);
    checkClaims(spec, coded.length);
    const { tensors, decoder, bits } = readWeights(GRID_HEADERS, coded, shapes);
    const prior = priors.tensors(spec);
    const parameters = new Map();
    for (const [name, { qStep, values }] of tensors) {
      const origin = prior.get(name);
      parameters.set(
        name,
        Float64Array.from(values, (value, i) => value * qStep + (origin ? origin[i] : 0)),
      );
    }
    /** CRC-32 of the pixels. */
    this.pixelsCrc = new DataView(data.buffer, data.byteOffset).getUint32(0, true);
    /** Parameters of the network in fixed point. */
    this.weights = fromReal(shapes.keys(), parameters);
    /** @type {Map<string, number>} code length of each part in bits */
    this.bits = new Map([["network", bits]]);
    this._spec = spec;
    this._decoder = decoder;
    this._reader = new LatentReader(decoder, readEscapes(decoder));
    /** @type {Grid[]} those that are decoded, in the order of the file */
    this.grids = [];
  }

  /**
   * Decode the grids of the next level.
   *
   * @param {number} level
   * @param {(done: number) => void} onProgress called now and then with the part that is done
   * @returns {Grid[]}
   * @throws {FormatError} The stream is damaged.
   */
  readLevel(level, onProgress) {
    const start = this._decoder.bits;
    const grids = Array.from({ length: this._spec.numPyramids(level) }, (_, pyramid) =>
      emptyGrid(pyramid, level, this._spec.gridSize(level)),
    );
    readGrids(this._spec, this.weights, this.grids, grids, () => this._reader, onProgress);
    if (grids.some(({ values }) => values.some((value) => Math.abs(value) > LARGEST_LATENT))) {
      throw new FormatError(DAMAGED);
    }
    this.grids.push(...grids);
    this.bits.set(latentsPart(level), this._decoder.bits - start);
    return grids;
  }

  /**
   * Check that the stream ends behind the last level.
   *
   * @throws {FormatError} It goes on.
   */
  finish() {
    this._reader.finish();
  }
}

/**
 * @param {Decoder} decoder
 * @returns {number[]}
 */
function readEscapes(decoder) {
  if (!decoder.read(ANY_ESCAPES)) {
    return [];
  }
  const high = decoder.readBits(16);
  const count = high * TOTAL + decoder.readBits(16);
  const escapes = [];
  for (let i = 0; i < count; i += 1) {
    escapes.push(decoder.readBits(16) - 2 ** 15); // a wrong count reaches the end of the stream
  }
  return escapes;
}

/**
 * Check that a stream of so many bytes may hold the network and the latents.
 *
 * @param {Spec} spec
 * @param {number} numBytes behind the CRC-32
 */
function checkClaims(spec, numBytes) {
  checkWeights(GRID_HEADERS, spec.networkShapes(), numBytes);
  const streamBytes = streamBytesOf(GRID_HEADERS, spec.networkShapes(), numBytes);
  const latents = spec.grids().reduce((sum, [, level]) => sum + sizeOf(spec.gridSize(level)), 0);
  if (latents > MAX_LATENTS_PER_BYTE * streamBytes) {
    throw new FormatError(
      `${streamBytes} coded bytes cannot hold the ${latents} latents that the header promises`,
    );
  }
}
