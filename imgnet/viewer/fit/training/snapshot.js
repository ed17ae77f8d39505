/** Snapshot of a fit: the file that it would give now, and the picture that this decodes to. */

import { pixelWriter, probeGradient } from "../network/colours.js";
import { everyPixel } from "../network/lattice.js";
import { inrFile } from "../writer/inr_file.js";
import { chooseQSteps } from "../writer/q_steps.js";
import { LARGEST } from "../writer/weight_encoder.js";
import { COORDINATE_HEADERS } from "../../decoder/entropy/weights.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("../network/colours.js").Target} Target */
/** @typedef {import("../network/lattice.js").Lattice} Lattice */
/** @typedef {import("../network/network.js").Network} Network */
/** @typedef {import("../writer/weight_encoder.js").Tensor} Tensor */

/**
 * @typedef {Object} Snapshot
 * @property {Uint8Array<ArrayBuffer>} file
 * @property {Uint8Array<ArrayBuffer>} pixels (height, width, channel)
 * @property {number} psnr in dB
 */

const PROBES = 4; // random sums of colours whose gradients show the curvature
const LEAST = 1 / (12 * 255 * 255); // mean squared error of samples of 8 bits
const ROUNDING = 0.1; // squared error that rounding may add, as a part of that of the fit

/**
 * Round the parameters in the memory and render them; the caller puts back the real ones.
 *
 * @param {Network} network
 * @param {Kernels} kernels
 * @param {Target} target
 * @param {Lattice} lattice that the curvature is measured on
 * @param {number} mse mean squared error of the fit, for colours in 0..1
 * @param {() => number} random
 * @returns {Snapshot}
 */
export function takeSnapshot(network, kernels, target, lattice, mse, random) {
  const { spec, parameters } = network;
  network.refresh(kernels);
  const curvatures = measureCurvatures(network, kernels, lattice, random);
  const colours = lattice.x.count * lattice.y.count * spec.dimOut;
  const qIndices = chooseQSteps(
    curvatures,
    parameters.count,
    ROUNDING * Math.max(mse, LEAST) * colours,
  );
  const tensors = parameters.places.map(({ at, size }, i) =>
    rounded(kernels.data.subarray(at, at + size), qIndices[i]),
  );
  network.refresh(kernels);
  const pixels = new Uint8Array(target.samples.length);
  const all = everyPixel(spec.width, spec.height);
  network.render(kernels, all, pixelWriter(spec.dimOut, all, pixels));
  return { file: inrFile(spec, tensors), pixels, psnr: psnrOf(pixels, target.samples) };
}

/**
 * Return the mean square of the derivatives of all colours of a lattice, for each tensor.
 *
 * @param {Network} network
 * @param {Kernels} kernels
 * @param {Lattice} lattice
 * @param {() => number} random
 * @returns {number[]}
 */
function measureCurvatures(network, kernels, lattice, random) {
  const { gradient, count, places } = network.parameters;
  const { data } = kernels;
  const sums = places.map(() => 0);
  for (let probe = 0; probe < PROBES; probe += 1) {
    data.fill(0, gradient, gradient + count);
    network.differentiate(kernels, lattice, probeGradient(network.spec.dimOut, lattice, random));
    places.forEach((place, i) => {
      const own = data.subarray(place.gradient, place.gradient + place.size);
      sums[i] += own.reduce((sum, value) => sum + value * value, 0) / place.size / PROBES;
    });
  }
  return sums;
}

/**
 * Round parameters in place to multiples of a q_step, which is coarser where they are too large.
 *
 * @param {Float32Array} values
 * @param {number} qIndex
 * @returns {Tensor}
 */
function rounded(values, qIndex) {
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  let index = qIndex;
  while (most / COORDINATE_HEADERS.qStepOf(index) > LARGEST) {
    index += 1;
  }
  const qStep = COORDINATE_HEADERS.qStepOf(index);
  const integers = Int32Array.from(values, (value) => Math.round(value / qStep));
  integers.forEach((integer, i) => (values[i] = integer * qStep));
  return { qIndex: index, values: integers };
}

/**
 * @param {Uint8Array} pixels
 * @param {Uint8Array} original
 * @returns {number}
 */
function psnrOf(pixels, original) {
  const sum = pixels.reduce((total, value, i) => total + (value - original[i]) ** 2, 0);
  return 10 * Math.log10((255 * 255 * pixels.length) / sum);
}
