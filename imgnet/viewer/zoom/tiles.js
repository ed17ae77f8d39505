/** Tiles of a picture whose series are computed, in a texture that keeps those used last. */

import { MIRRORINGS, SLOT, TILE } from "./network.js";
import { Planes } from "./planes.js";

/** @typedef {import("./network.js").Pair} Pair */
/** @typedef {import("./network.js").Picture} Picture */
/** @typedef {import("./network.js").ZoomNetwork} ZoomNetwork */

/**
 * @typedef {Object} Tile
 * @property {number} level of the scale, LEVELS_AN_OCTAVE for a factor of 2
 * @property {Pair} place its column and row in the picture
 */

/** @typedef {Tile & {slot: Pair, done: number}} KeptTile one with so many mirrorings done */

export const LARGEST = 4; // enlargement that the prior was trained for
const LEVELS_AN_OCTAVE = 4;
const HIGHEST_LEVEL = Math.log2(LARGEST) * LEVELS_AN_OCTAVE;
const SIDES = [6, 24]; // least and most slots on a side of the texture
const PLANES = 12; // three colours by four vertical terms, four horizontal terms each

/** What is kept of one picture. */
export class Tiles {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {ZoomNetwork} network
   */
  constructor(gl, network) {
    this._gl = gl;
    this._network = network;
    this._side = slotsOnASide();
    /** @type {Planes | null} */
    this._series = null;
    /** @type {Map<string, KeptTile>} those used last at the end */
    this._kept = new Map();
    this.capacity = this._side ** 2;
  }

  /** @returns {Planes} the series of all tiles, by slot */
  get series() {
    this._series ??= new Planes(this._gl, SLOT * this._side, PLANES); // large, so not before
    return this._series;
  }

  /** Forget all tiles. */
  clear() {
    this._kept.clear();
  }

  /**
   * Return a finished tile.
   *
   * @param {Tile} tile
   * @returns {KeptTile | null}
   */
  find(tile) {
    const found = this._kept.get(keyOf(tile));
    if (found) {
      this._kept.delete(keyOf(tile));
      this._kept.set(keyOf(tile), found);
    }
    return found?.done === MIRRORINGS.length ? found : null;
  }

  /**
   * Return a finished tile, or the same part of the picture at the nearest other scale.
   *
   * @param {Tile} tile
   * @returns {KeptTile | null}
   */
  findNearest({ level, place }) {
    for (let distance = 0; distance <= HIGHEST_LEVEL; distance += 1) {
      const found =
        this.find({ level: level + distance, place }) ??
        this.find({ level: level - distance, place });
      if (found) {
        return found;
      }
    }
    return null;
  }

  /**
   * Compute one more mirroring of a tile.
   *
   * @param {Tile} tile that is not finished
   * @param {Picture} picture
   * @returns {boolean} whether it is finished now
   */
  compute(tile, picture) {
    const kept = this._kept.get(keyOf(tile)) ?? this._keep(tile);
    const { series } = this;
    const logScale = tile.level / LEVELS_AN_OCTAVE;
    this._network.run({ picture, tile: tile.place, logScale, series, slot: kept.slot }, kept.done);
    kept.done += 1;
    return kept.done === MIRRORINGS.length;
  }

  /**
   * @param {Tile} tile
   * @returns {KeptTile} in a slot of its own
   */
  _keep(tile) {
    const count = this._kept.size;
    /** @type {Pair} */
    let slot = [count % this._side, Math.floor(count / this._side)];
    if (count === this.capacity) {
      const [[key, oldest]] = this._kept;
      this._kept.delete(key);
      ({ slot } = oldest);
    }
    const kept = { ...tile, slot, done: 0 };
    this._kept.set(keyOf(tile), kept);
    return kept;
  }
}

/**
 * @param {number} scale at least 1
 * @returns {number} the level of the tiles that are wanted at a scale
 */
export function levelOf(scale) {
  return Math.min(Math.round(LEVELS_AN_OCTAVE * Math.log2(scale)), HIGHEST_LEVEL);
}

/** @returns {number} so many that the whole screen fits at twice the native size */
function slotsOnASide() {
  const { width, height } = window.screen;
  const native = (Math.sqrt(width * height) * window.devicePixelRatio) / 2;
  return Math.min(Math.max(Math.ceil(native / TILE) + 2, SIDES[0]), SIDES[1]);
}

/**
 * @param {Tile} tile
 * @returns {string}
 */
function keyOf({ level, place }) {
  return `${level}/${place}`;
}
