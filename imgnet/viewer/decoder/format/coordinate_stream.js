/** Stream of `gated` and `mlp`: the coded weights alone. */

import { COORDINATE_HEADERS, readWeights } from "../entropy/weights.js";

/**
 * Read all tensors.
 *
 * @param {import("../spec.js").Spec} spec
 * @param {Uint8Array} data
 * @returns {{parameters: Map<string, Float64Array>, bits: Map<string, number>}} the tensors, and
 *   the code length of the network
 * @throws {import("../errors.js").FormatError} The stream is cut short, damaged or not of this
 *   spec.
 */
export function readCoordinates(spec, data) {
  const { tensors, decoder, bits } = readWeights(COORDINATE_HEADERS, data, spec.shapes());
  decoder.finish();
  const parameters = new Map();
  for (const [name, { qStep, values }] of tensors) {
    parameters.set(
      name,
      Float64Array.from(values, (value) => value * qStep),
    );
  }
  return { parameters, bits: new Map([["network", bits]]) };
}
