/**
 * Network of `gated` or `mlp`, which renders lattices and differentiates what they show.
 *
 * Layers on one axis cost as much as columns and rows; only the trunk runs for each pixel, chunk by
 * chunk, so that its activations stay in the cache.
 */

import { Axis } from "./axis.js";
import { paddedCount } from "./lattice.js";
import { Affine, Chain, Gate, gatedLayer, Leaky, ReZero } from "./layers.js";
import { Layout } from "./layout.js";
import { Parameters } from "./parameters.js";

/** @typedef {import("../../decoder/spec.js").Spec} Spec */
/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("./lattice.js").Lattice} Lattice */

/**
 * A chunk of a lattice: some of its rows, each as long as the padded row of the lattice.
 *
 * @typedef {Object} Chunk
 * @property {number} out place of the outputs (channels, pixels) before the sigmoid
 * @property {number} first row of the lattice
 * @property {number} height rows
 * @property {number} width pixels of a row, with padding
 */

/** @typedef {(data: Float32Array, chunk: Chunk) => void} Visit */

const CHUNK = 192; // pixels whose activations fit into the cache

/** The places of all layers in a memory, which is made for its layout. */
export class Network {
  /**
   * @param {Spec} spec
   * @param {number} [chunk] pixels of a chunk, unless a row is longer
   */
  constructor(spec, chunk = CHUNK) {
    const layout = new Layout();
    const capacity = Math.max(chunk, paddedCount(spec.width));
    this.chunk = chunk;
    this.capacity = capacity;
    this.spec = spec;
    this.parameters = new Parameters(layout, spec.networkShapes());
    this.x = new Axis(layout, this.parameters, spec, "x");
    this.y = new Axis(layout, this.parameters, spec, "y");
    this.trunk = TRUNKS[spec.family](layout, this.parameters, spec, capacity);
    this.units = this.x.half.rows;
    this.joined = layout.reserve(this.units * capacity);
    this.toColumns = layout.reserve(this.units * paddedCount(spec.width));
    this.toRows = layout.reserve(this.units * paddedCount(spec.height));
    this.layout = layout;
  }

  /** @returns {import("./layers.js").Gate[]} in the order of the computation */
  gates() {
    return [this.x.branch, this.y.branch, this.trunk].flatMap((part) => part?.gates() ?? []);
  }

  /**
   * Write what does not change into a new memory.
   *
   * @param {Kernels} kernels
   */
  prepare({ data }) {
    this.x.prepare(data);
    this.y.prepare(data);
  }

  /**
   * Take note of new parameters.
   *
   * @param {Kernels} kernels
   */
  refresh(kernels) {
    [this.x, this.y, this.trunk].forEach((part) => part.refresh(kernels));
  }

  /**
   * Compute the outputs of a lattice, chunk by chunk.
   *
   * @param {Kernels} kernels
   * @param {Lattice} lattice
   * @param {Visit} visit
   */
  render(kernels, lattice, visit) {
    for (const chunk of this._chunks(kernels, lattice)) {
      visit(kernels.data, chunk);
    }
  }

  /**
   * Add gradients of the parameters.
   *
   * @param {Kernels} kernels
   * @param {Lattice} lattice
   * @param {Visit} visit replaces the outputs of a chunk by their gradient
   */
  differentiate(kernels, lattice, visit) {
    const { units, toColumns, toRows } = this;
    const stride = paddedCount(lattice.y.count);
    kernels.clear(toColumns, units * paddedCount(lattice.x.count));
    kernels.clear(toRows, units * stride);
    for (const chunk of this._chunks(kernels, lattice)) {
      visit(kernels.data, chunk);
      const { width, height, first } = chunk;
      const gradient = this.trunk.backward(kernels, chunk.out, width * height);
      kernels.collect(gradient, units, height, toColumns, width, toRows + first, stride);
    }
    this.x.backward(kernels, toColumns, lattice.x);
    this.y.backward(kernels, toRows, lattice.y);
  }

  /**
   * @param {Kernels} kernels
   * @param {Lattice} lattice
   * @returns {Generator<Chunk>} of which one is in use at a time
   */
  *_chunks(kernels, lattice) {
    const { units, joined } = this;
    const width = paddedCount(lattice.x.count);
    const stride = paddedCount(lattice.y.count);
    const columns = this.x.forward(kernels, lattice.x);
    const rows = this.y.forward(kernels, lattice.y);
    const most = Math.max(1, Math.floor(this.chunk / width));
    for (let first = 0; first < lattice.y.count; first += most) {
      const height = Math.min(most, lattice.y.count - first);
      kernels.spread(columns, width, rows + first, stride, units, height, joined);
      const out = this.trunk.forward(kernels, joined, width * height);
      yield { out, first, height, width };
    }
  }
}

/**
 * @param {Layout} layout
 * @param {Parameters} parameters
 * @param {Spec} spec
 * @param {number} capacity
 * @returns {Chain}
 */
function gatedTrunk(layout, parameters, { dimHidden, numLayers }, capacity) {
  const blocks = Array.from({ length: numLayers }, (_, i) => {
    const layers = [0, 1].map((j) => gatedLayer(layout, parameters, `blocks.${i}.${j}`, capacity));
    const inner = new Chain(layers);
    return new ReZero(layout, parameters, `blocks.${i}`, inner, dimHidden, capacity);
  });
  return new Chain([
    new Gate(layout, parameters, "joint", capacity),
    ...blocks,
    new Affine(layout, parameters, "output", capacity),
  ]);
}

/**
 * @param {Layout} layout
 * @param {Parameters} parameters
 * @param {Spec} spec
 * @param {number} capacity
 * @returns {Chain}
 */
function mlpTrunk(layout, parameters, { dimHidden, numLayers }, capacity) {
  const layers = Array.from({ length: numLayers - 1 }, (_, i) => [
    new Affine(layout, parameters, `layers.${i + 1}`, capacity),
    new Leaky(dimHidden),
  ]);
  return new Chain([
    new Leaky(dimHidden),
    ...layers.flat(),
    new Affine(layout, parameters, "output", capacity),
  ]);
}

/** @type {Record<string, typeof gatedTrunk>} */
const TRUNKS = { gated: gatedTrunk, mlp: mlpTrunk };
