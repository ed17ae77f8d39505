/** Shares of a step: gradients of a lattice from several workers at a time, or from a GPU. */

import { errorGradient } from "../network/colours.js";
import { bands } from "../network/lattice.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("../network/colours.js").Target} Target */
/** @typedef {import("../network/lattice.js").Lattice} Lattice */
/** @typedef {import("../network/network.js").Network} Network */

/** @typedef {{weights: Float32Array, lattice: Lattice}} Order */
/** @typedef {{gradient: Float32Array, error: number}} Share */
/** @typedef {(order: Order) => Promise<Share>} Compute */

const TRIAL = 10; // steps that the GPU must take in less time than the threads

/**
 * Set the gradients of the parameters to those of the squared error of a lattice.
 *
 * @param {Network} network
 * @param {Kernels} kernels
 * @param {Target} target
 * @param {Lattice} lattice
 * @returns {number} the sum of the squared errors
 */
export function differentiate(network, kernels, target, lattice) {
  const { gradient, count } = network.parameters;
  kernels.clear(gradient, count);
  const found = { error: 0 };
  network.differentiate(kernels, lattice, errorGradient(target, lattice, found));
  return found.error;
}

/**
 * Return what computes the share of a helper.
 *
 * @param {Network} network
 * @param {Kernels} kernels
 * @param {Target} target
 * @returns {Compute}
 */
export function computeWith(network, kernels, target) {
  const { at, gradient, count } = network.parameters;
  network.prepare(kernels);
  return async ({ weights, lattice }) => {
    kernels.data.set(weights, at);
    network.refresh(kernels);
    const error = differentiate(network, kernels, target, lattice);
    return { gradient: kernels.data.slice(gradient, gradient + count), error };
  };
}

/**
 * Answer the orders of another worker from now on; a failure is answered by null.
 *
 * @param {MessagePort} port
 * @param {Compute} compute
 */
export function help(port, compute) {
  port.onmessage = async ({ data }) => port.postMessage(await compute(data).catch(() => null));
  port.postMessage("ready");
}

/** Gradients of whole lattices in the memory of one worker, with the help of others. */
export class Shares {
  /**
   * @param {Network} network
   * @param {Kernels} kernels
   * @param {Target} target
   * @param {MessagePort[]} helpers
   * @param {MessagePort | null} gpu a helper that takes part when it says that it is ready
   */
  constructor(network, kernels, target, helpers, gpu) {
    this.network = network;
    this.kernels = kernels;
    this.target = target;
    this.helpers = helpers;
    /** @type {MessagePort | null} */
    this.gpu = null;
    /** Milliseconds of the steps of a trial. */
    this.times = { gpu: /** @type {number[]} */ ([]), threads: /** @type {number[]} */ ([]) };
    gpu?.addEventListener("message", () => (this.gpu = gpu), { once: true });
    gpu?.start();
  }

  /** @returns {"gpu" | "threads" | null} the faster one, null while it is not known */
  get faster() {
    const { gpu, threads } = this.times;
    if (!this.gpu || threads.length < TRIAL) {
      return null;
    }
    if (sum(gpu) > sum(threads)) {
      return "threads";
    }
    return gpu.length < TRIAL ? null : "gpu";
  }

  /**
   * Set the gradients of the parameters to those of the squared error of a lattice.
   *
   * @param {Lattice} lattice
   * @returns {Promise<number>} the sum of the squared errors
   */
  async differentiate(lattice) {
    const before = performance.now();
    const gpu = this._nextGpu;
    const split = gpu ? [lattice] : bands(lattice, 1 + this.helpers.length);
    const own = gpu ? null : split.shift();
    const weights = this._part(this.network.parameters.at);
    const asked = split.map((band, i) => ask(gpu ?? this.helpers[i], { weights, lattice: band }));
    const { kernels, network, target } = this;
    let error = own ? differentiate(network, kernels, target, own) : 0;
    const gradients = this._part(network.parameters.gradient);
    if (!own) {
      gradients.fill(0);
    }
    for (const share of await Promise.all(asked)) {
      if (!share && !gpu) {
        throw new Error("a thread of the fit has failed");
      }
      if (!share) {
        this.gpu = null; // lost
        return this.differentiate(lattice);
      }
      error += share.error;
      share.gradient.forEach((value, i) => (gradients[i] += value));
    }
    if (this.gpu && !this.faster) {
      this.times[gpu ? "gpu" : "threads"].push(performance.now() - before);
    }
    return error;
  }

  /** @returns {MessagePort | null} the GPU, if the next step runs on it */
  get _nextGpu() {
    const isTried = !this.faster && this.times.threads.length >= TRIAL;
    return isTried || this.faster === "gpu" ? this.gpu : null;
  }

  /**
   * @param {number} at
   * @returns {Float32Array} parameters or gradients in the memory
   */
  _part(at) {
    return this.kernels.data.subarray(at, at + this.network.parameters.count);
  }
}

/**
 * Have another worker compute a share.
 *
 * @param {MessagePort} port
 * @param {Order} order
 * @returns {Promise<Share | null>}
 */
function ask(port, { weights, lattice }) {
  return new Promise((resolve) => {
    port.onmessage = ({ data }) => data === "ready" || resolve(data);
    port.postMessage({ weights: weights.slice(), lattice });
  });
}

/**
 * @param {number[]} numbers
 * @returns {number}
 */
function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
