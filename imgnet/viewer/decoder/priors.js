/** Priors: trained networks, from which the networks of files are stored as differences. */

import { DAMAGED, FormatError } from "./errors.js";
import { NUM_INPUTS } from "./neighbourhood.js";
import { sizeOf } from "./shapes.js";
import { Spec } from "./spec.js";
import { numbersAt, split } from "./format/tensors.js";

/** @typedef {import("./format/tensors.js").Json} Json */

/**
 * Consecutive networks of a prior.
 *
 * @typedef {Object} EmbeddedPrior
 * @property {number} first the lmbda index of the first
 * @property {string} file base64 of a safetensors file, in which all tensors begin with an axis for
 *   the networks
 */

/** @typedef {{shape: number[], values: Float64Array}} Tensor of one network */

const FRACTION_BITS = 12;
const NUM_LMBDAS = 19;
const COLOURS = 3; // channels of the pictures that priors are trained on
const CHROMA_LEVEL = 2; // finest level of their chroma pyramids

/** The networks that a page holds. */
export class Priors {
  /** @param {Record<string, EmbeddedPrior>} embedded by the name of the prior */
  constructor(embedded) {
    this._embedded = new Map(Object.entries(embedded));
    /** @type {Map<string, {header: Json, body: Uint8Array}>} */
    this._loaded = new Map();
  }

  /**
   * Refuse a network that is not here.
   *
   * @param {string} name of the prior; "" for none
   * @param {number} lmbdaIndex
   * @throws {FormatError} It is not here, or there is no such lmbda index.
   */
  check(name, lmbdaIndex) {
    if (!name) {
      return;
    }
    const found = this._embedded.get(name);
    if (found && lmbdaIndex >= NUM_LMBDAS) {
      throw new FormatError(DAMAGED);
    }
    const index = lmbdaIndex - (found?.first ?? 0);
    if (!found || index < 0 || index >= this._count(name)) {
      throw new FormatError(
        `needs network ${lmbdaIndex} of the prior '${name}', which this page lacks; ` +
          "`imgnet view` makes a page that has it",
      );
    }
  }

  /**
   * Return the layer sizes of the networks of a prior, by attribute of a spec.
   *
   * @param {string} name
   * @returns {Record<string, number>}
   */
  layersOf(name) {
    const { header } = this._load(name);
    return {
      dimContext: header["context.second.bias"].shape[1],
      dimHidden: header["hidden.bias"].shape[1],
      numLayers: Object.keys(header).filter((tensor) => tensor.endsWith(".alpha")).length,
      dimCoarse: header["context.first.weight"].shape[2] - NUM_INPUTS,
    };
  }

  /**
   * Return the prior of the tensors of a network, in their shapes; empty without a prior.
   *
   * @param {Spec} spec
   * @returns {Map<string, Float64Array>}
   */
  tensors(spec) {
    if (!spec.prior) {
      return new Map();
    }
    const trained = this._network(spec.prior, spec.lmbdaIndex);
    const adapted = new Map();
    for (const [name, shape] of spec.networkShapes()) {
      const values = adaptedTensor(spec, name, shape, trained);
      adapted.set(
        name,
        values.map((value) => value * 2 ** -FRACTION_BITS),
      );
    }
    return adapted;
  }

  /**
   * @param {string} name
   * @param {number} lmbdaIndex
   * @returns {Map<string, Tensor>}
   */
  _network(name, lmbdaIndex) {
    const { header, body } = this._load(name);
    const index = lmbdaIndex - (this._embedded.get(name)?.first ?? 0);
    const network = new Map();
    for (const [tensor, entry] of Object.entries(header)) {
      const shape = entry.shape.slice(1);
      const size = sizeOf(shape);
      const values = numbersAt(body, entry).slice(index * size, (index + 1) * size);
      network.set(tensor, { shape, values });
    }
    return network;
  }

  /**
   * @param {string} name
   * @returns {number} the networks of a prior that are here
   */
  _count(name) {
    return this._load(name).header["hidden.bias"].shape[0];
  }

  /**
   * @param {string} name
   * @returns {{header: Json, body: Uint8Array}}
   */
  _load(name) {
    let file = this._loaded.get(name);
    if (!file) {
      const text = atob(this._embedded.get(name)?.file ?? "");
      file = split(Uint8Array.from(text, (character) => character.charCodeAt(0)));
      delete file.header.__metadata__;
      delete file.header.colours; // only encoders use them
      this._loaded.set(name, file);
    }
    return file;
  }
}

/**
 * Adapt a tensor of a trained network, for colour pictures, to the shape of another network.
 *
 * @param {Spec} spec
 * @param {string} name
 * @param {number[]} shape
 * @param {Map<string, Tensor>} trained
 * @returns {Float64Array}
 */
function adaptedTensor(spec, name, shape, trained) {
  const coarsest = [...trained.keys()].filter((key) => key.startsWith("upsample.")).length;
  const isUpsampling = name.startsWith("upsample.");
  const stage = Math.min(Number(name.slice("upsample.".length)), coarsest - 1);
  const tensor = trained.get(isUpsampling ? `upsample.${stage}` : name);
  if (!tensor) {
    return new Float64Array(sizeOf(shape)); // coarse features of a grid that it is not trained for
  }
  let rows = rowsOf(tensor);
  if (name.startsWith("context.coarse.")) {
    const columns = trainedSources(spec, coarsest, Number(name.split(".").pop()));
    rows = rows.map((row) => columns.map((column) => row[column] ?? 0));
  } else if (name === "context.last.bias") {
    rows = trainedGrids(spec, coarsest).map((index) => rows[index]);
  } else if (name === "hidden.weight" || name === "linear.weight") {
    const columns = trainedFeatures(spec, coarsest);
    rows = rows.map((row) => columns.map((column) => row[column]));
  } else if (/^residuals\..*\.weight$/.test(name)) {
    rows = rows.map((row) => placesOf(row, spec.dimOut));
  }
  if (/^(output|linear|residuals)\./.test(name) && spec.dimOut < COLOURS) {
    rows = [rows[0].map((_, column) => mean(rows.map((row) => row[column])))];
  }
  return paddedRows(rows, shape);
}

/**
 * @param {Tensor} tensor
 * @returns {number[][]} a row of each element of the first axis
 */
function rowsOf({ shape, values }) {
  const width = shape.length > 1 ? shape[1] : 1;
  return Array.from({ length: shape[0] }, (_, row) => [
    ...values.subarray(row * width, (row + 1) * width),
  ]);
}

/**
 * @param {number[][]} rows
 * @param {number[]} shape
 * @returns {Float64Array} the rows in that shape; what is missing is 0
 */
function paddedRows(rows, shape) {
  const width = shape.length > 1 ? shape[1] : 1;
  const result = new Float64Array(shape[0] * width);
  rows.forEach((row, i) => result.set(row, i * width));
  return result;
}

/**
 * Return the trained feature that each feature of a network copies.
 *
 * @param {Spec} spec
 * @param {number} coarsest trained level
 * @returns {number[]}
 */
function trainedFeatures(spec, coarsest) {
  const levels = Array.from({ length: spec.numLevels - spec.finest }, (_, i) =>
    Math.min(spec.finest + i, coarsest),
  );
  return spec.dimOut < COLOURS ? levels : [...levels, coarsest + 1, coarsest + 2];
}

/**
 * Return the index of the trained grid that each grid of a network copies.
 *
 * @param {Spec} spec
 * @param {number} coarsest trained level
 * @returns {number[]}
 */
function trainedGrids(spec, coarsest) {
  const trained = trainedSpec(spec, coarsest).grids().map(String);
  return spec.grids().map(([pyramid, level]) => {
    const finest = pyramid ? CHROMA_LEVEL : 0;
    const nearest = Math.min(Math.max(level, finest), coarsest);
    return trained.indexOf(String([Math.min(pyramid, COLOURS - 1), nearest]));
  });
}

/**
 * Return the trained column of each coarser grid of a level; -1 where there is none.
 *
 * @param {Spec} spec
 * @param {number} coarsest trained level
 * @param {number} level
 * @returns {number[]}
 */
function trainedSources(spec, coarsest, level) {
  const trained = trainedSpec(spec, coarsest).coarserGrids(level).map(String);
  const colours = spec.dimOut < COLOURS ? 1 : COLOURS;
  return spec
    .coarserGrids(level)
    .map((grid) => (grid[0] < colours ? trained.indexOf(String(grid)) : -1));
}

/**
 * @param {Spec} spec
 * @param {number} coarsest trained level
 * @returns {Spec} of the trained networks
 */
function trainedSpec(spec, coarsest) {
  const picture = {
    dimOut: COLOURS,
    numLevels: coarsest + 1,
    finest: 0,
    chromaLevel: CHROMA_LEVEL,
  };
  return new Spec({ ...spec, ...picture });
}

/**
 * Adapt the columns (9 places x channels) of a 3x3 layer to the channels of a picture.
 *
 * @param {number[]} row
 * @param {number} channels
 * @returns {number[]}
 */
function placesOf(row, channels) {
  return Array.from({ length: 9 }, (_, place) => {
    const colours = row.slice(COLOURS * place, COLOURS * (place + 1));
    const sums = channels < COLOURS ? [colours.reduce((sum, value) => sum + value, 0)] : colours;
    return Array.from({ length: channels }, (_unused, channel) => sums[channel] ?? 0);
  }).flat();
}

/**
 * @param {number[]} values
 * @returns {number} their mean, rounded down
 */
function mean(values) {
  return Math.floor(values.reduce((sum, value) => sum + value, 0) / values.length);
}
