/** Web Worker that decodes files, one after the other; `client.js` is its other side. */

import { toSrgb } from "./picture/colour_profile.js";
import { Crew } from "./coordinate/crew.js";
import { CoordinateNetwork } from "./coordinate/network.js";
import { decode } from "./decode.js";
import { FormatError } from "./errors.js";
import { KeptGrids } from "./grids/kept_grids.js";
import { toRgba } from "./picture/picture.js";
import { encodePng } from "./picture/png.js";
import { Priors } from "./priors.js";
import { brightest, drawRateMap, rateMap } from "./render/rate_map.js";
import { renderGrid } from "./render/render.js";

/** @typedef {import("./decode.js").Decoded} Decoded */
/** @typedef {import("./grids/kept_grids.js").Omitted} Omitted */
/** @typedef {import("./picture/picture.js").Picture} Picture */
/** @typedef {import("./coordinate/crew.js").Task} Task */

/**
 * @typedef {Object} Request
 * @property {"start" | "decode" | "render" | "rates" | "png" | "join" | "band"} kind
 * @property {Record<string, import("./priors.js").EmbeddedPrior>} [priors]
 * @property {string} [script] of this worker
 * @property {string} [name] of the file, for messages
 * @property {ArrayBuffer} [data] content of the file
 * @property {number} [neededWidth] of the picture; a coarser one may do
 * @property {Omitted} [omitted] parts of the picture that was decoded last
 * @property {Uint8Array} [ramp] colours of its rate map, three samples each
 * @property {Task} [task] of a crew, which this worker joins
 * @property {number} [band] of the picture of the crew
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
 * @property {number[]} levels that have latents, finest first
 * @property {number} numPyramids of these
 * @property {number} numResiduals 3x3 layers
 * @property {boolean} isCoded whether its latents have a code length
 */

/**
 * A rate map.
 *
 * @typedef {Object} Rates
 * @property {Shown} shown
 * @property {number} most bits a pixel of its brightest colour
 * @property {number} bits of all latents
 */

/**
 * @typedef {{kind: "preview", shown: Shown, size: Size} | {kind: "progress", done: number}
 *   | {kind: "decoded", shown: Shown, facts: Facts} | {kind: "rendered", shown: Shown}
 *   | {kind: "rates", rates: Rates} | {kind: "png", file: Blob}
 *   | {kind: "error", message: string}} Reply
 */

let priors = new Priors({});
/** @type {Decoded | null} */
let last = null;
/** @type {{network: CoordinateNetwork, depth: number} | null} as a member of a crew */
let membership = null;

/** @type {Record<Request["kind"], (request: Request) => void | Promise<void>>} */
const ANSWERS = {
  start,
  decode: decodeFile,
  render: renderParts,
  rates: drawRates,
  png: writePng,
  join: joinCrew,
  band: renderBand,
};

self.onmessage = async (/** @type {MessageEvent<Request>} */ { data: request }) => {
  try {
    await ANSWERS[request.kind](request);
  } catch (error) {
    reply({ kind: "error", message: messageOf(error, request.name ?? "") });
  }
};

/** @param {Request} request */
function start({ priors: embedded, script }) {
  priors = new Priors(embedded ?? {});
  Crew.script = script ?? "";
}

/** @param {Request} request */
async function decodeFile({ name = "", data, neededWidth }) {
  if (data) {
    last = await decode(new Uint8Array(data), name, priors, listener(), neededWidth);
    const shown = await shownOf(last.picture, last);
    reply({ kind: "decoded", shown, facts: factsOf(last, name, data.byteLength) }, [shown]);
  }
}

/** @param {Request} request */
async function renderParts({ omitted }) {
  if (last?.network && omitted) {
    const grids = new KeptGrids(last.network, omitted);
    const shown = await shownOf(renderGrid(last.encoded, grids, listener(), 0), last);
    reply({ kind: "rendered", shown }, [shown]);
  }
}

/** @param {Request} request */
function drawRates({ ramp }) {
  if (last?.network && ramp) {
    const rates = ratesOf(last.encoded.spec, last.network, ramp, throttled());
    reply({ kind: "rates", rates }, [rates.shown]);
  }
}

async function writePng() {
  if (last) {
    const file = await encodePng(last.picture, last.encoded.metadata);
    reply({ kind: "png", file });
  }
}

/** @param {Request} request */
function joinCrew({ task }) {
  if (task) {
    const network = new CoordinateNetwork(task.sizes, task.parameters);
    network.setLevel(0);
    membership = { network, depth: task.depth };
    self.postMessage({ kind: "ready" });
  }
}

/** @param {Request} request */
function renderBand({ band = 0 }) {
  if (membership) {
    const samples = membership.network.render(band, membership.depth);
    self.postMessage({ kind: "band", band, samples }, { transfer: [samples.buffer] });
  }
}

/**
 * @param {Picture} picture
 * @param {Decoded} decoded
 * @returns {Promise<Shown>}
 */
async function shownOf(picture, { encoded }) {
  const { width, height } = picture;
  return { width, height, rgba: await toSrgb(picture, encoded.metadata.get("icc")) };
}

/**
 * @param {import("./spec.js").Spec} spec
 * @param {import("./grids/kept_grids.js").Network} network
 * @param {Uint8Array} ramp
 * @param {(done: number) => void} onProgress
 * @returns {Rates}
 */
function ratesOf(spec, network, ramp, onProgress) {
  const bpp = rateMap(spec, network, onProgress);
  const most = brightest(bpp);
  const { width, height } = spec;
  const shown = { width, height, rgba: drawRateMap(bpp, most, ramp) };
  return { shown, most, bits: bpp.reduce((sum, bits) => sum + bits, 0) };
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

/** @returns {import("./render/render.js").Listener} passes on what a picture becomes */
function listener() {
  return { onPreview, onProgress: throttled() };
}

/** @returns {(done: number) => void} passes on each new percent */
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
function factsOf({ encoded, parts, network }, name, numBytes) {
  const { spec, mode, depth, metadata, stream } = encoded;
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
    levels: network ? spec.levels().reverse() : [],
    numPyramids: spec.dimOut,
    numResiduals: network ? spec.numLayers : 0,
    isCoded: Boolean(network && stream),
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
