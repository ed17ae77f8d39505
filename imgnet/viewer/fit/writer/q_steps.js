/**
 * Choice of q_steps by curvature.
 *
 * At a given size, rounding adds least error if the q_step of every tensor is inversely
 * proportional to the root of its curvature, the mean square of the derivatives of all colours.
 */

import { COORDINATE_HEADERS } from "../../decoder/entropy/weights.js";

const NUM_Q_STEPS = 256;
const LEAST_CURVATURE = 1e-6; // in units of the largest

/**
 * Return the index of a q_step for each tensor.
 *
 * @param {number[]} curvatures the mean of each tensor
 * @param {number} count of the scalars of all tensors
 * @param {number} error squared, summed over the colours of the curvatures, that rounding may add
 * @returns {number[]}
 */
export function chooseQSteps(curvatures, count, error) {
  // The error of a rounded number is uniform, with a variance of a twelfth of the squared q_step.
  const factor = Math.sqrt((12 * error) / count);
  const floor = Math.max(LEAST_CURVATURE * Math.max(...curvatures), Number.MIN_VALUE);
  return curvatures.map((value) => nearest(factor / Math.sqrt(Math.max(value, floor))));
}

/**
 * @param {number} wanted
 * @returns {number} the index of the q_step that is nearest in ratio
 */
function nearest(wanted) {
  const distance = (/** @type {number} */ index) =>
    Math.abs(Math.log(COORDINATE_HEADERS.qStepOf(index) / wanted));
  let best = 0;
  for (let index = 1; index < NUM_Q_STEPS; index += 1) {
    best = distance(index) < distance(best) ? index : best;
  }
  return best;
}
