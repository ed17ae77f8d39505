/** Gradients of the squared error of lattices, computed by a GPU. */

import { Network } from "../network/network.js";
import { GpuKernels } from "./kernels.js";

/** @typedef {import("../network/colours.js").Target} Target */
/** @typedef {import("../network/network.js").Spec} Spec */
/** @typedef {import("../training/shares.js").Order} Order */
/** @typedef {import("../training/shares.js").Share} Share */

const CHUNK = 4096; // pixels: those of a step at once

/** A network in the memory of a GPU. */
export class GpuGradients {
  /**
   * @param {any} device a GPUDevice
   * @param {Spec} spec
   * @param {Target} target
   */
  constructor(device, spec, target) {
    this.target = target;
    this.network = new Network(spec, CHUNK);
    const { layout } = this.network;
    this.samples = layout.reserve(target.samples.length);
    this.errors = layout.reserve(target.channels * this.network.capacity);
    this.error = layout.reserve(1);
    this.kernels = new GpuKernels(device, layout.size);
    const { data } = this.kernels;
    this.network.prepare(this.kernels);
    target.samples.forEach((value, i) => (data[this.samples + i] = value / 255));
    this.kernels.upload(0, layout.size);
  }

  /**
   * @param {Order} order
   * @returns {Promise<Share>}
   */
  async compute({ weights, lattice }) {
    const { network, kernels, target, samples, errors, error } = this;
    const { at, gradient, count } = network.parameters;
    const { x, y } = lattice;
    kernels.data.set(weights, at);
    kernels.upload(at, count);
    network.refresh(kernels);
    kernels.clear(gradient, count);
    kernels.clear(error, 1);
    network.differentiate(kernels, lattice, (_, { out, first, width, height }) => {
      const results = target.channels * width * height;
      const axes = [x.start, x.stride, x.count, y.start, y.stride];
      const picture = [samples, target.width, target.channels, errors];
      kernels.call("errorGradient", results, out, first, width, height, ...axes, ...picture);
      kernels.rowSums(errors, 1, results, error);
    });
    const parts = await kernels.run([
      [gradient, count],
      [error, 1],
    ]);
    return { gradient: parts[0], error: parts[1][0] };
  }
}
