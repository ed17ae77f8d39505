/** First weights of a fit: random ones, and for `gated` the batch norm of one lattice in them. */

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */
/** @typedef {import("../network/colours.js").Target} Target */
/** @typedef {import("../network/layers.js").Gate} Gate */
/** @typedef {import("../network/network.js").Network} Network */
/** @typedef {import("../network/parameters.js").Place} Place */

const AXIS_GAIN = 2; // makes the first axis functions vary over a few pixels
const OUTPUT_GAIN = 0.1;
const LEAST_DEVIATION = 1e-4;
const DARKEST = 0.01; // of the mean colour that the output begins with

/**
 * Set all parameters.
 *
 * @param {Network} network
 * @param {Kernels} kernels
 * @param {Target} target
 * @param {import("../network/lattice.js").Lattice} lattice that the batch norm is measured on
 * @param {() => number} random
 */
export function start(network, kernels, target, lattice, random) {
  const { data } = kernels;
  for (const place of network.parameters.places) {
    FIRST[kindOf(place)](data.subarray(place.at, place.at + place.size), place, random);
  }
  data.set(meanOutputs(target), network.parameters.of("output.bias").at);
  for (const gate of network.gates()) {
    network.refresh(kernels);
    const moments = new Moments(gate);
    network.render(kernels, lattice, (memory) => moments.add(memory));
    fold(moments, network.parameters, data);
  }
  network.refresh(kernels);
}

/** @typedef {(values: Float32Array, place: Place, random: () => number) => void} Fill */

/** @type {Record<string, Fill>} by the last part of a name; those of gated layers are apart */
const FIRST = {
  weight: fillUniform,
  bias: (values) => values.fill(0),
  shift: (values) => values.fill(0),
  alpha: (values) => values.fill(1),
  gatedWeight: (values, place, random) => {
    fillUniform(values, place, random);
    const gain = place.name.startsWith("axis") ? AXIS_GAIN : 1;
    const gates = (2 * values.length) / 3;
    values.forEach((value, i) => (values[i] = gain * (i < gates ? 0.5 * value : value)));
  },
  // Gates start near tanh(1), so that a new layer is almost linear in V x.
  gatedBias: (values) => values.fill(0).fill(1, 0, (2 * values.length) / 3),
};

/**
 * @param {Place} place
 * @returns {string}
 */
function kindOf({ name }) {
  const kind = name.slice(name.lastIndexOf(".") + 1);
  const isPlain = /^(output|layers)/.test(name) || kind === "shift" || kind === "alpha";
  return isPlain ? kind : `gated${kind[0].toUpperCase()}${kind.slice(1)}`;
}

/** @type {Fill} */
function fillUniform(values, { name, shape }, random) {
  const gain = name === "output.weight" ? OUTPUT_GAIN : 1;
  const bound = gain * Math.sqrt(3 / shape[1]);
  values.forEach((_, i) => (values[i] = bound * (2 * random() - 1)));
}

/**
 * @param {Target} target
 * @returns {number[]} outputs before the sigmoid that give the mean colour
 */
function meanOutputs({ channels, samples }) {
  const sums = Array(channels).fill(0);
  samples.forEach((value, i) => (sums[i % channels] += value));
  return sums.map((sum) => {
    const mean = (sum * channels) / samples.length / 255;
    const kept = Math.min(Math.max(mean, DARKEST), 1 - DARKEST);
    return Math.log(kept / (1 - kept));
  });
}

/** Mean and deviation of tanh(q k) v of each unit of a gate, over the chunks that it has seen. */
class Moments {
  /** @param {Gate} gate */
  constructor(gate) {
    this.gate = gate;
    this.count = 0;
    this.sums = new Float64Array(gate.units);
    this.squares = new Float64Array(gate.units);
  }

  /** @param {Float32Array} data */
  add(data) {
    const { units, pixels, kept, shift } = this.gate;
    const h = kept + units * pixels;
    for (let i = 0; i < units * pixels; i += 1) {
      const unit = Math.floor(i / pixels);
      const value = data[h + i] - data[shift.at + unit];
      this.sums[unit] += value;
      this.squares[unit] += value * value;
    }
    this.count += pixels;
  }
}

/**
 * Fold a batch norm into the rows of V and the shift of its layer.
 *
 * @param {Moments} moments
 * @param {import("../network/parameters.js").Parameters} parameters
 * @param {Float32Array} data
 */
function fold({ gate, count, sums, squares }, parameters, data) {
  const weight = parameters.of(`${gate.name}.weight`);
  const bias = parameters.of(`${gate.name}.bias`);
  const inputs = weight.shape[1];
  sums.forEach((sum, unit) => {
    const mean = sum / count;
    const deviation = Math.sqrt(Math.max(squares[unit] / count - mean * mean, 0));
    const scale = deviation > LEAST_DEVIATION ? 1 / deviation : 1;
    const row = 2 * gate.units + unit;
    for (let i = 0; i < inputs; i += 1) {
      data[weight.at + row * inputs + i] *= scale;
    }
    data[bias.at + row] *= scale;
    data[gate.shift.at + unit] = -mean * scale;
  });
}
