/** Trainer of one network: steps, the average of its weights, and snapshots of that. */

import { Soap } from "./soap.js";
import { randomNumbers } from "./random.js";
import { Sampler } from "./sampler.js";
import { Shares } from "./shares.js";
import { takeSnapshot } from "./snapshot.js";
import { start } from "./start.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("../network/colours.js").Target} Target */
/** @typedef {import("../network/network.js").Network} Network */
/** @typedef {import("./snapshot.js").Snapshot} Snapshot */

const PIXELS_PER_STEP = 2048;
const WARM_UP = 10; // steps
const AVERAGED = 0.1; // part of all steps that the average of the weights remembers
const NEWS = 0.05; // weight of a step in the running error

/** State of one fit. */
export class Trainer {
  /**
   * @param {Network} network whose layout nothing was made of yet
   * @param {(size: number) => Kernels} kernelsOf makes the memory
   * @param {Target} target
   * @param {MessagePort[]} helpers workers that know the same network and target
   * @param {MessagePort | null} gpu one that has a GPU
   */
  constructor(network, kernelsOf, target, helpers, gpu) {
    this.network = network;
    this.target = target;
    this.optimizer = new Soap(network.layout, network.parameters);
    this.kernels = kernelsOf(network.layout.size);
    this.shares = new Shares(network, this.kernels, target, helpers, gpu);
    network.prepare(this.kernels);
    this.random = randomNumbers(0);
    const { width, height } = network.spec;
    this.sampler = new Sampler(width, height, PIXELS_PER_STEP, this.random);
    this.steps = 0;
    /** Mean squared error of the last steps, for colours in 0..1. */
    this.mse = NaN;
    start(network, this.kernels, target, this.sampler.next(), this.random);
    this.average = this._weights().slice();
  }

  /** Take one step. */
  async step() {
    const { network, kernels, target } = this;
    const { gradient, count } = network.parameters;
    const lattice = this.sampler.next();
    const error = await this.shares.differentiate(lattice);
    const gradients = kernels.data.subarray(gradient, gradient + count);
    const colours = lattice.x.count * lattice.y.count * target.channels;
    gradients.forEach((value, i) => (gradients[i] = value / colours));
    this.optimizer.step(kernels, Math.min(1, (this.steps + 1) / WARM_UP));
    network.refresh(kernels);
    this.steps += 1;
    this._note(error / colours);
  }

  /** @returns {Snapshot} of the average of the weights */
  snapshot() {
    const { network, kernels, target, average } = this;
    const real = this._weights().slice();
    this._weights().set(average);
    const lattice = this.sampler.next();
    const taken = takeSnapshot(network, kernels, target, lattice, this.mse, this.random);
    this._weights().set(real);
    network.refresh(kernels);
    return taken;
  }

  /** @param {number} mse of the step */
  _note(mse) {
    const news = Math.min(1, 1 / (AVERAGED * this.steps));
    this._weights().forEach((value, i) => (this.average[i] += news * (value - this.average[i])));
    this.mse = this.steps === 1 ? mse : this.mse + NEWS * (mse - this.mse);
  }

  /** @returns {Float32Array} the parameters in the memory */
  _weights() {
    const { at, count } = this.network.parameters;
    return this.kernels.data.subarray(at, at + count);
  }
}
