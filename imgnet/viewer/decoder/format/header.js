/** Header of an .inr file: shape of the network, mode and depth, called its claims. */

import { crc32 } from "../crc32.js";
import { DAMAGED, FormatError } from "../errors.js";
import { FAMILIES, RANGES, Spec } from "../spec.js";
import { integers } from "./tensors.js";

/** @typedef {import("../priors.js").Priors} Priors */
/** @typedef {import("../spec.js").Sizes} Sizes */
/** @typedef {import("./tensors.js").Json} Json */
/** @typedef {Map<string, string>} Named */

const VERSION = 1;
const MAX_SIDE = 2 ** 16;
const MAX_PIXELS = 2 ** 28;
/** Channels of each mode. */
const MODES = new Map([
  ["L", 1],
  ["LA", 2],
  ["RGB", 3],
  ["RGBA", 4],
]);

const USUAL_FAMILY = "grid";
/** @type {Record<string, (keyof Sizes)[]>} what a file says of the sizes of its network */
const NET = {
  grid: ["numLevels", "chromaLevel", "dimContext", "dimHidden", "numLayers", "dimCoarse"],
  gated: ["dimAxis", "dimHidden", "numLayers"],
  mlp: ["dimAxis", "dimHidden", "numLayers"],
};
const CLAIMS = /^(\d{1,9})x(\d{1,9})(?: ([\w-]+)\/(\d{1,9}))?((?: [a-z]+=[\w,]+)*)$/;
const NUMBERS = /^\d{1,9}(?:,\d{1,9})*$/;

/**
 * Take the claims of a picture and the checksum out of a safetensors header.
 *
 * @param {Json} entries
 * @returns {{claims: string, promised: number}}
 * @throws {FormatError} The header has no claims, or they are of a newer version.
 */
export function fromHeader(entries) {
  const text = entries.__metadata__?.inr;
  delete entries.__metadata__;
  if (typeof text !== "string") {
    throw new FormatError("a safetensors file, but not one of imgnet's");
  }
  const [version, rest] = matched(/^([1-9]\d{0,8}) (.*)$/, text);
  if (Number(version) > VERSION) {
    throw new FormatError(
      `written in format ${version}, this imgnet reads up to ${VERSION}; ` +
        "upgrade it with `pip install --upgrade imgnet`",
    );
  }
  const [checksum, claims] = matched(/^([0-9a-f]{8}) (.*)$/, rest);
  return { claims, promised: parseInt(checksum, 16) };
}

/**
 * Return the CRC-32 of the claims of a picture, with the version, and of all tensors.
 *
 * @param {string} claims
 * @param {Uint8Array} body
 * @returns {number}
 */
export function checksumOf(claims, body) {
  return crc32(body, crc32(new TextEncoder().encode(`${VERSION} ${claims}`)));
}

/**
 * Return the shape of the network, the mode and the depth that a file claims.
 *
 * @param {string} claims
 * @param {Priors} priors
 * @returns {{spec: Spec, mode: string, depth: number}}
 * @throws {FormatError} They make no sense, are above a limit, or need a prior that is not there.
 */
export function readClaims(claims, priors) {
  const [width, height, prior, lmbdaIndex, rest] = matched(CLAIMS, claims);
  /** @type {Named} */
  const named = new Map();
  for (const word of rest.split(" ").filter(Boolean)) {
    const [name, value] = word.split("=");
    named.set(name, value);
  }
  const size = sizeOf(Number(width), Number(height));
  priors.check(prior, Number(lmbdaIndex));
  const spec = specOf({ ...size, prior, lmbdaIndex: Number(lmbdaIndex) }, named, priors);
  const mode = named.get("mode") ?? "RGB";
  const depth = numbers(named.get("depth") ?? "8")[0];
  if ((depth !== 8 && depth !== 16) || claimsOf(spec, mode, depth, priors) !== claims) {
    throw new FormatError(DAMAGED);
  }
  return { spec, mode, depth };
}

/**
 * Return the claims of a file, in the one way in which they are written.
 *
 * @param {Spec} spec
 * @param {string} mode
 * @param {number} depth
 * @param {Priors} priors
 * @returns {string}
 */
export function claimsOf(spec, mode, depth, priors) {
  const net = NET[spec.family].map((name) => spec[name]).join();
  return [
    `${spec.width}x${spec.height}`,
    spec.prior && `${spec.prior}/${spec.lmbdaIndex}`,
    depth !== 8 && `depth=${depth}`,
    spec.finest && `finest=${spec.finest}`,
    mode !== "RGB" && `mode=${mode}`,
    spec.family !== USUAL_FAMILY && `model=${spec.family}`,
    net !== usualNet(spec, priors)?.join() && `net=${net}`,
  ]
    .filter(Boolean)
    .join(" ");
}

/**
 * @param {number} width
 * @param {number} height
 * @returns {{width: number, height: number}}
 */
function sizeOf(width, height) {
  integers(
    [width, height],
    [
      [1, MAX_SIDE],
      [1, MAX_SIDE],
    ],
  );
  if (width * height > MAX_PIXELS) {
    throw new FormatError(`${width}x${height} pixels are more than the limit of ${MAX_PIXELS}`);
  }
  return { width, height };
}

/**
 * @param {{width: number, height: number, prior: string, lmbdaIndex: number}} known
 * @param {Named} named
 * @param {Priors} priors
 * @returns {Spec}
 */
function specOf(known, named, priors) {
  const family = named.get("model") ?? USUAL_FAMILY;
  const dimOut = MODES.get(named.get("mode") ?? "RGB");
  if (!FAMILIES.includes(family) || !dimOut || (known.prior && family !== USUAL_FAMILY)) {
    throw new FormatError(DAMAGED);
  }
  const given = named.get("net");
  const net = given === undefined ? usualNet({ family, ...known }, priors) : numbers(given);
  const ranges = RANGES[family];
  const none = { dimAxis: 0, numLevels: 0, chromaLevel: 0, dimContext: 0, dimCoarse: 0 };
  const values = integers(
    net,
    NET[family].map((name) => ranges[name] ?? [0, -1]),
  );
  /** @type {any} */
  const sizes = { ...none, ...Object.fromEntries(NET[family].map((name, i) => [name, values[i]])) };
  checkPrior(sizes, known.prior, priors);
  const [finest] = integers(numbers(named.get("finest") ?? "0"), [ranges.finest ?? [0, 0]]);
  if (finest > sizes.chromaLevel || sizes.chromaLevel >= Math.max(sizes.numLevels, 1)) {
    throw new FormatError(DAMAGED);
  }
  return new Spec({ family, ...known, dimOut, finest, ...sizes });
}

/**
 * @param {Record<string, number>} sizes
 * @param {string} prior
 * @param {Priors} priors
 */
function checkPrior(sizes, prior, priors) {
  const layers = prior ? Object.entries(priors.layersOf(prior)) : [];
  if (layers.some(([name, units]) => sizes[name] !== units)) {
    throw new FormatError(`damaged: its network has not the shape of its prior '${prior}'`);
  }
}

/**
 * Return the sizes of a network that a file need not name; undefined where it must.
 *
 * @param {{family: string, width: number, height: number, prior: string}} picture
 * @param {Priors} priors
 * @returns {number[] | undefined}
 */
function usualNet({ family, width, height, prior }, priors) {
  if (family !== USUAL_FAMILY) {
    return undefined;
  }
  const numLevels = Math.min(Math.max(29 - Math.clz32(Math.min(width, height)), 1), 9);
  const dimCoarse = width * height >= 2 ** 17 ? 6 : 0;
  const usual = { dimContext: 16, dimHidden: 32, numLayers: 2, dimCoarse };
  const layers = prior ? priors.layersOf(prior) : usual;
  /** @type {any} */
  const sizes = { numLevels, chromaLevel: Math.min(2, numLevels - 1), ...layers };
  return NET[family].map((name) => sizes[name]);
}

/**
 * @param {RegExp} pattern
 * @param {string} text
 * @returns {string[]} its groups
 */
function matched(pattern, text) {
  const found = pattern.exec(text);
  if (!found) {
    throw new FormatError(DAMAGED);
  }
  return found.slice(1).map((group) => group ?? "");
}

/**
 * @param {string} text
 * @returns {number[]}
 */
function numbers(text) {
  matched(NUMBERS, text);
  return text.split(",").map(Number);
}
