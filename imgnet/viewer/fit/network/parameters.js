/** Parameters of a network in the memory of a fit, and places of their gradients. */

import { sizeOf } from "../../decoder/shapes.js";

/** @typedef {{name: string, shape: number[], size: number, at: number, gradient: number}} Place */

/** The places of all tensors, in the order of the file. */
export class Parameters {
  /**
   * @param {import("./layout.js").Layout} layout
   * @param {import("../../decoder/shapes.js").Shapes} shapes
   */
  constructor(layout, shapes) {
    const sizes = [...shapes.values()].map(sizeOf);
    /** Scalars of all tensors. */
    this.count = sizes.reduce((sum, size) => sum + size, 0);
    this.at = layout.reserve(this.count);
    this.gradient = layout.reserve(this.count);
    /** @type {Place[]} */
    this.places = [];
    let offset = 0;
    for (const [name, shape] of shapes) {
      const size = sizeOf(shape);
      const [at, gradient] = [this.at + offset, this.gradient + offset];
      this.places.push({ name, shape, size, at, gradient });
      offset += size;
    }
  }

  /**
   * @param {string} name
   * @returns {Place}
   */
  of(name) {
    return /** @type {Place} */ (this.places.find((place) => place.name === name));
  }
}
