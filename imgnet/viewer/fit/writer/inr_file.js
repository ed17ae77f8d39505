/** Writer of an .inr file of coded weights, `gated` or `mlp`; its reader is `container.js`. */

import { checksumOf, claimsOf } from "../../decoder/format/header.js";
import { Priors } from "../../decoder/priors.js";
import { entriesOf } from "../../decoder/format/tensors.js";
import { encodeWeights } from "./weight_encoder.js";

const VERSION = 1;
const PREFIX_BYTES = 8;
const NO_PRIORS = new Priors({});

/**
 * Return the content of a file.
 *
 * @param {import("../../decoder/spec.js").Spec} spec
 * @param {import("./weight_encoder.js").Tensor[]} tensors in the order of the spec
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function inrFile(spec, tensors) {
  const body = encodeWeights(tensors);
  const claims = claimsOf(spec, "RGB", 8, NO_PRIORS);
  const checksum = checksumOf(claims, body).toString(16).padStart(8, "0");
  const header = {
    __metadata__: { inr: `${VERSION} ${checksum} ${claims}` },
    ...entriesOf(new Map([["w", { shape: [body.length], dtype: "U8" }]])),
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(PREFIX_BYTES + text.length + body.length);
  new DataView(file.buffer).setUint32(0, text.length, true);
  file.set(text, PREFIX_BYTES);
  file.set(body, PREFIX_BYTES + text.length);
  return file;
}
