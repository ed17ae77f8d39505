/** Grids of a plain file of `grid`, which are read as those of a coded stream are. */

import { plainBits } from "../format/byte_counts.js";
import { LARGEST_LATENT } from "../entropy/context.js";
import { clamp, fromReal, rint, tensorOf } from "../entropy/fixed_point.js";
import { gridOf } from "./grids.js";
import { latentsName } from "../shapes.js";

/** @typedef {import("../format/container.js").Encoded} Encoded */
/** @typedef {import("./grids.js").Grid} Grid */

/** The counterpart of a `GridStream`. */
export class PlainGrids {
  /** @param {Encoded} encoded a plain file */
  constructor(encoded) {
    this._spec = encoded.spec;
    this._parameters = encoded.parameters;
    this.weights = fromReal(encoded.spec.networkShapes().keys(), encoded.parameters);
    this.bits = plainBits(encoded);
    this.pixelsCrc = null; // the file does not say
    /** @type {Grid[]} those that are read, in the order of the file */
    this.grids = [];
  }

  /**
   * Return the grids of a level.
   *
   * @param {number} level
   * @returns {Grid[]}
   */
  readLevel(level) {
    const grids = Array.from({ length: this._spec.numPyramids(level) }, (_, pyramid) => {
      const latents = tensorOf(this._parameters, latentsName(pyramid, level)).map((latent) =>
        clamp(rint(latent), -LARGEST_LATENT, LARGEST_LATENT),
      );
      return gridOf(pyramid, level, this._spec.gridSize(level), latents);
    });
    this.grids.push(...grids);
    return grids;
  }

  /** Check nothing: no stream goes on. */
  finish() {}
}
