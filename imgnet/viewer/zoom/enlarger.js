/** Enlarger of what is visible of a picture by the zoom prior. */

import { Drawing } from "./drawing.js";
import { everyPixel, filled } from "./filled.js";
import { TILE, ZoomNetwork } from "./network.js";
import { levelOf, Tiles } from "./tiles.js";

/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {import("../page/stage.js").Sight} Sight */
/** @typedef {import("./network.js").Picture} Picture */
/** @typedef {import("./tiles.js").Tile} Tile */

const SLICE_MS = 4; // of the GPU, after which the page may draw
const MOST_STEPS = 16; // mirrorings of tiles in a slice

/** It paints what it has, and computes the rest in slices. */
export class Enlarger {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Uint8Array} file the zoom prior
   * @param {() => void} onRefined called when there is more to paint
   * @returns {Enlarger | null} null where the GPU cannot do it
   */
  static create(gl, file, onRefined) {
    const network = ZoomNetwork.create(gl, file);
    const drawing = network && Drawing.create(gl);
    return drawing && new Enlarger(gl, new Tiles(gl, network), drawing, onRefined);
  }

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Tiles} tiles
   * @param {Drawing} drawing
   * @param {() => void} onRefined
   */
  constructor(gl, tiles, drawing, onRefined) {
    this._gl = gl;
    this._tiles = tiles;
    this._drawing = drawing;
    this._onRefined = onRefined;
    /** @type {Shown} */
    this._shown = { width: 1, height: 1, rgba: new Uint8ClampedArray(4) };
    /** @type {Picture | null} the same on the GPU */
    this._picture = null;
    /** @type {Tile[]} that are visible but not finished, the nearest to the middle first */
    this._missing = [];
    this._isComputing = false;
    this._steps = 1; // of a slice
  }

  /**
   * Take a picture; the GPU gets it when it is enlarged.
   *
   * @param {Shown} shown
   */
  load(shown) {
    this._shown = shown;
    this._gl.deleteTexture(this._picture?.texture ?? null);
    this._picture = null;
    this._missing = [];
    this._tiles.clear();
  }

  /**
   * Paint what is finished over a bicubic enlargement.
   *
   * @param {Sight} sight
   * @returns {boolean} whether all that is visible was finished
   */
  paint(sight) {
    const picture = (this._picture ??= this._upload());
    const wanted = visible(sight, picture);
    if (wanted.length > this._tiles.capacity) {
      this._missing = [];
      return false;
    }
    const painted = wanted.flatMap((tile) => this._tiles.findNearest(tile) ?? []);
    this._drawing.draw(sight, picture, this._tiles.series.texture, painted);
    this._missing = wanted.filter((tile) => !this._tiles.find(tile));
    const isFinished = !this._missing.length; // what is computed now is painted later
    if (!this._isComputing) {
      this._compute();
    }
    return isFinished;
  }

  /** @returns {Picture} */
  _upload() {
    const { _gl: gl } = this;
    const { width, height, rgba } = this._shown;
    const isOpaque = everyPixel(rgba, (at) => rgba[at + 3] > 0);
    const colours = isOpaque ? rgba : new Uint8ClampedArray(filled(rgba, width, height));
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, width, height, 1);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    const format = /** @type {const} */ ([gl.RGBA, gl.UNSIGNED_BYTE]);
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, width, height, 1, ...format, colours);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    const isGrey = everyPixel(rgba, (at) => rgba[at] === rgba[at + 1] && rgba[at] === rgba[at + 2]);
    return { texture, size: [width, height], isGrey };
  }

  /** Compute a slice of what is missing. */
  _compute() {
    const { _gl: gl } = this;
    let isRefined = false;
    let steps = 0;
    for (; this._picture && this._missing.length && steps < this._steps; steps += 1) {
      if (this._tiles.compute(this._missing[0], this._picture)) {
        this._missing.shift();
        isRefined = true;
      }
    }
    this._isComputing = steps > 0;
    const fence = steps ? gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0) : null;
    gl.flush();
    if (fence) {
      setTimeout(() => this._await(fence, isRefined, false), SLICE_MS);
    }
  }

  /**
   * Go on when the GPU has done a slice.
   *
   * @param {WebGLSync} fence behind it
   * @param {boolean} isRefined whether a tile is finished then
   * @param {boolean} isLate
   */
  _await(fence, isRefined, isLate) {
    const { _gl: gl } = this;
    if (gl.isContextLost()) {
      return;
    }
    if (gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) {
      setTimeout(() => this._await(fence, isRefined, true), SLICE_MS);
      return;
    }
    gl.deleteSync(fence);
    const steps = isLate ? Math.floor(this._steps / 2) : 2 * this._steps;
    this._steps = Math.min(Math.max(steps, 1), MOST_STEPS);
    this._compute();
    if (isRefined) {
      this._onRefined();
    }
  }
}

/**
 * Return the tiles of a picture that are visible before the wipe.
 *
 * @param {Sight} sight
 * @param {Picture} picture
 * @returns {Tile[]} the nearest to the middle first
 */
function visible({ x, y, across, wipe, width, height }, picture) {
  const scale = across / picture.size[0];
  const columns = overlapped(x, scale, Math.min(wipe, width), picture.size[0]);
  const rows = overlapped(y, scale, height, picture.size[1]);
  const distance = (/** @type {Tile} */ { place: [column, row] }) =>
    Math.hypot(column - middle(columns), row - middle(rows));
  return rows
    .flatMap((row) => columns.map((column) => tileAt(levelOf(scale), column, row)))
    .sort((one, other) => distance(one) - distance(other));
}

/**
 * @param {number} level
 * @param {number} column
 * @param {number} row
 * @returns {Tile}
 */
function tileAt(level, column, row) {
  return { level, place: [column, row] };
}

/**
 * @param {number} start of the picture on an axis of the screen
 * @param {number} scale
 * @param {number} screen its length
 * @param {number} length of the picture
 * @returns {number[]} the tiles that are visible
 */
function overlapped(start, scale, screen, length) {
  const first = Math.floor(Math.max(-start / scale, 0) / TILE);
  const stop = Math.ceil(Math.min((screen - start) / scale, length) / TILE);
  return Array.from({ length: Math.max(stop - first, 0) }, (_, i) => first + i);
}

/**
 * @param {number[]} consecutive numbers
 * @returns {number}
 */
function middle(consecutive) {
  return (consecutive[0] + consecutive[consecutive.length - 1]) / 2;
}
