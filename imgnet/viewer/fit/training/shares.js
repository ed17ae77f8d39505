/** Shares of a lattice that workers differentiate at the same time. */

import { errorGradient } from "../network/colours.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("../network/colours.js").Target} Target */
/** @typedef {import("../network/lattice.js").Lattice} Lattice */
/** @typedef {import("../network/network.js").Network} Network */

/** @typedef {{weights: Float32Array, lattice: Lattice}} Order */
/** @typedef {{gradient: Float32Array, error: number}} Share */

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
  kernels.data.fill(0, gradient, gradient + count);
  const sum = { error: 0 };
  network.differentiate(kernels, lattice, errorGradient(target, lattice, sum));
  return sum.error;
}

/**
 * Answer orders of another worker.
 *
 * @param {MessagePort} port
 * @param {Network} network
 * @param {Kernels} kernels
 * @param {Target} target
 */
export function help(port, network, kernels, target) {
  const { at, gradient, count } = network.parameters;
  network.prepare(kernels);
  port.onmessage = (/** @type {MessageEvent<Order>} */ { data: { weights, lattice } }) => {
    kernels.data.set(weights, at);
    network.refresh(kernels);
    const error = differentiate(network, kernels, target, lattice);
    const own = kernels.data.slice(gradient, gradient + count);
    port.postMessage({ gradient: own, error }, [own.buffer]);
  };
}

/**
 * Have another worker differentiate its share.
 *
 * @param {MessagePort} port
 * @param {Order} order
 * @returns {Promise<Share>}
 */
export function ask(port, order) {
  return new Promise((resolve) => {
    port.onmessage = ({ data }) => resolve(data);
    port.postMessage(order);
  });
}
