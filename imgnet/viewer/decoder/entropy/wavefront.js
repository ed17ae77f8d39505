/**
 * Wavefronts: the order of the latents of a level.
 *
 * The causal shape of the neighbours advances two columns a row: with t = x + 2 y, all of its
 * latents lie on earlier t. A wavefront is everything of one t, in all grids of a level.
 */

import { GridContext } from "./context.js";
import { LOCATIONS, NUM_SCALES, reach, TABLES } from "./distributions.js";
import { FormatError } from "../errors.js";

/** @typedef {import("./fixed_point.js").Weights} Weights */
/** @typedef {import("../grids/grids.js").Grid} Grid */
/** @typedef {import("./rans.js").Decoder} Decoder */
/** @typedef {import("../spec.js").Spec} Spec */

/**
 * What returns the value of a latent, from its location in 1/32, the index of its scale and its
 * index in the grid.
 *
 * @typedef {{read(location: number, scale: number, at: number): number}} Reader
 */

/** Reach of each scale. */
export const REACHES = Int32Array.from({ length: NUM_SCALES }, (_, scale) => reach(scale));

/** A reader of latents in the order of the stream. */
export class LatentReader {
  /**
   * @param {Decoder} decoder
   * @param {number[]} escapes values that distributions do not reach, in their order
   */
  constructor(decoder, escapes) {
    this._decoder = decoder;
    this._escapes = escapes;
    this._used = 0;
  }

  /**
   * Return the next latent.
   *
   * @param {number} location in 1/32
   * @param {number} scale index
   * @returns {number}
   * @throws {FormatError} The stream is cut short, or there are too few escapes.
   */
  read(location, scale) {
    const symbol = this._decoder.read(TABLES.of(scale, location & (LOCATIONS - 1)));
    const largest = REACHES[scale];
    if (symbol < 2 * largest + 2) {
      return (location >> 5) + symbol - largest;
    }
    if (this._used === this._escapes.length) {
      throw new FormatError("the coded stream is damaged");
    }
    this._used += 1;
    return this._escapes[this._used - 1];
  }

  /**
   * Check that nothing is left.
   *
   * @throws {FormatError} Something is.
   */
  finish() {
    this._decoder.finish();
    if (this._used < this._escapes.length) {
      throw new FormatError("the coded stream is damaged");
    }
  }
}

/**
 * Read the grids of a level.
 *
 * @param {Spec} spec
 * @param {Weights} weights in fixed point
 * @param {Grid[]} earlier those of coarser levels, in the order of the file
 * @param {Grid[]} grids which are filled
 * @param {(grid: Grid) => Reader} readerOf
 * @param {(done: number) => void} onProgress called now and then with the part that is done
 */
export function readGrids(spec, weights, earlier, grids, readerOf, onProgress) {
  const decoders = grids.map((grid, i) => {
    const context = new GridContext(spec, weights, grid, [...earlier, ...grids.slice(0, i)]);
    return new GridDecoder(grid, context, readerOf(grid));
  });
  const { height, width } = grids[0];
  const wavefronts = width + 2 * (height - 1);
  for (let t = 0; t < wavefronts; t += 1) {
    decoders.forEach((decoder) => decoder.decode(t));
    if (t % 64 === 0) {
      onProgress(t / wavefronts);
    }
  }
}

/** Decoder of one grid, wavefront by wavefront. */
class GridDecoder {
  /**
   * @param {Grid} grid which it fills
   * @param {GridContext} context
   * @param {Reader} reader
   */
  constructor(grid, context, reader) {
    this._grid = grid;
    this._context = context;
    this._reader = reader;
    // Of each row of parents, two successive columns are in use at a time.
    const slots = 2 * Math.ceil(grid.height / 2);
    this._bases = new Float64Array(slots * context.baseSize);
    // What a base predicts for children without neighbours; most of them have none.
    this._isPredicted = new Uint8Array(slots);
    this._locations = new Int32Array(slots);
    this._scales = new Uint8Array(slots);
  }

  /**
   * Decode the latents at x + 2 y = t.
   *
   * @param {number} t
   */
  decode(t) {
    const { height, width } = this._grid;
    const first = Math.max(0, Math.floor((t - width + 2) / 2));
    const last = Math.min(height - 1, Math.floor(t / 2));
    for (let y = first; y <= last; y += 1) {
      this._decodeAt(y, t - 2 * y);
    }
  }

  /**
   * @param {number} y
   * @param {number} x
   */
  _decodeAt(y, x) {
    const { _grid: grid, _context: context } = this;
    const slot = (y & ~1) | ((x >> 1) & 1);
    const at = slot * context.baseSize;
    if (((x | y) & 1) === 0) {
      context.computeBase(y >> 1, x >> 1, this._bases, at);
      this._isPredicted[slot] = 0;
    }
    const centre = grid.origin + y * grid.stride + x;
    const count = context.gather(centre);
    if (count > 0 || !this._isPredicted[slot]) {
      context.predict(count, this._bases, at);
    }
    let { location, scale } = context;
    if (count === 0) {
      if (this._isPredicted[slot]) {
        location = this._locations[slot];
        scale = this._scales[slot];
      } else {
        this._isPredicted[slot] = 1;
        this._locations[slot] = location;
        this._scales[slot] = scale;
      }
    }
    grid.values[centre] = this._reader.read(location, scale, centre);
  }
}
