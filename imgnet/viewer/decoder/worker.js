/** Web Worker that decodes files, one after the other; `client.js` is its other side. */

import { toSrgb } from "./colour_profile.js";
import { decode } from "./decode.js";
import { FormatError } from "./errors.js";
import { toRgba } from "./picture.js";
import { encodePng } from "./png.js";
import { Priors } from "./priors.js";

/** @typedef {import("./decode.js").Decoded} Decoded */
/** @typedef {import("./picture.js").Picture} Picture */

/**
 * @typedef {Object} Request
 * @property {"priors" | "decode" | "png"} kind
 * @property {Record<string, import("./priors.js").EmbeddedPrior>} [priors]
 * @property {string} [name] of the file, for messages
 * @property {ArrayBuffer} [data] content of the file
 * @property {number} [neededWidth] of the picture; a coarser one may do
 */

/**
 * A picture as a screen shows it.
 *
 * @typedef {Object} Shown
 * @property {number} width
 * @property {number} height
 * @property {Uint8ClampedArray<ArrayBuffer>} rgba
 */

/** @typedef {{width: number, height: number}} Size of the whole picture */

/**
 * What is known of a file.
 *
 * @typedef {Object} Facts
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {string} mode
 * @property {number} depth
 * @property {string} family
 * @property {string} prior with the lmbda index; "" for none
 * @property {number} numBytes
 * @property {[string, number][]} parts their bytes
 * @property {[string, number][]} metadata bytes of each kind
 */

/**
 * @typedef {{kind: "preview", shown: Shown, size: Size} | {kind: "progress", done: number}
 *   | {kind: "decoded", shown: Shown, facts: Facts} | {kind: "png", file: Blob}
 *   | {kind: "error", message: string}} Reply
 */

let priors = new Priors({});
/** @type {Decoded | null} */
let last = null;

self.onmessage = async ({ data: request }) => {
  try {
    await answer(request);
  } catch (error) {
    reply({ kind: "error", message: messageOf(error, request.name ?? "") });
  }
};

/** @param {Request} request */
async function answer({ kind, priors: embedded, name = "", data, neededWidth }) {
  if (kind === "priors") {
    priors = new Priors(embedded ?? {});
  } else if (kind === "decode" && data) {
    const listener = { onPreview, onProgress: throttled() };
    last = decode(new Uint8Array(data), name, priors, listener, neededWidth);
    const { width, height } = last.picture;
    const rgba = await toSrgb(last.picture, last.encoded.metadata.get("icc"));
    const shown = { width, height, rgba };
    reply({ kind: "decoded", shown, facts: factsOf(last, name, data.byteLength) }, [shown]);
  } else if (kind === "png" && last) {
    const file = await encodePng(last.picture, last.encoded.metadata);
    reply({ kind: "png", file });
  }
}

/**
 * @param {Picture} picture
 * @param {Size} size
 */
function onPreview(picture, size) {
  const { width, height } = picture;
  const shown = { width, height, rgba: toRgba(picture) };
  reply({ kind: "preview", shown, size }, [shown]);
}

/** @returns {(done: number) => void} a listener that passes on each new percent */
function throttled() {
  let percent = 0;
  return (done) => {
    if (Math.floor(100 * done) > percent) {
      percent = Math.floor(100 * done);
      reply({ kind: "progress", done });
    }
  };
}

/**
 * @param {Decoded} decoded
 * @param {string} name
 * @param {number} numBytes
 * @returns {Facts}
 */
function factsOf({ encoded, parts }, name, numBytes) {
  const { spec, mode, depth, metadata } = encoded;
  return {
    name,
    width: spec.width,
    height: spec.height,
    mode,
    depth,
    family: spec.family,
    prior: spec.prior && `${spec.prior}/${spec.lmbdaIndex}`,
    numBytes,
    parts: [...parts],
    metadata: [...metadata].map(([kind, bytes]) => [kind, bytes.length]),
  };
}

/**
 * @param {unknown} error
 * @param {string} name
 * @returns {string}
 */
function messageOf(error, name) {
  if (error instanceof FormatError) {
    return error.message;
  }
  const isMemory = error instanceof RangeError;
  return `${name}: ${isMemory ? "too large for the memory of this browser" : String(error)}`;
}

/**
 * @param {Reply} message
 * @param {Shown[]} [moved] pictures whose samples are handed over
 */
function reply(message, moved = []) {
  self.postMessage(message, { transfer: moved.map(({ rgba }) => rgba.buffer) });
}
