/** Painter of what is visible of a picture, where there is no WebGL2. */

import { bicubic } from "./bicubic.js";

/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {import("./stage.js").Sight} Sight */

const PATIENCE_MS = 40; // without a change, before what takes long

/** A painter with a canvas in 2D; what is bicubic comes after a while. */
export class CpuPainter {
  /** @param {() => void} onRefined called when the canvas has become bicubic */
  constructor(onRefined) {
    this.name = "2d";
    this._onRefined = onRefined;
    this._canvas = document.createElement("canvas");
    this._context = /** @type {CanvasRenderingContext2D} */ (this._canvas.getContext("2d"));
    this._refining = 0;
    /** @type {HTMLCanvasElement} */
    this._pixels = this._canvas;
    /** @type {Shown} */
    this._shown = { width: 1, height: 1, rgba: new Uint8ClampedArray(4) };
  }

  /**
   * Take a picture.
   *
   * @param {HTMLCanvasElement} pixels
   * @param {Shown} shown the same
   */
  load(pixels, shown) {
    this._pixels = pixels;
    this._shown = shown;
  }

  /**
   * Paint what is visible.
   *
   * @param {Sight} sight
   * @returns {HTMLCanvasElement} of the size of the screen, transparent outside the picture
   */
  paint(sight) {
    const { _context: context, _canvas: canvas } = this;
    const { width, height, x, y, across, down } = sight;
    Object.assign(canvas, { width, height }); // which clears it
    context.imageSmoothingEnabled = sight.isSmooth;
    context.imageSmoothingQuality = "high";
    context.drawImage(this._pixels, x, y, across, down);
    clearTimeout(this._refining);
    if (sight.wipe < width && across > this._shown.width && !sight.isSmooth) {
      this._paintSmooth(sight);
      this._refining = setTimeout(() => this._paintBicubic(sight), PATIENCE_MS);
    }
    return canvas;
  }

  /**
   * Paint what the browser takes for smooth, until there is time for more.
   *
   * @param {Sight} sight
   */
  _paintSmooth({ width, height, x, y, across, down, wipe }) {
    const { _context: context } = this;
    context.save();
    context.beginPath();
    context.rect(wipe, 0, width - wipe, height);
    context.clip();
    context.imageSmoothingEnabled = true;
    context.drawImage(this._pixels, x, y, across, down);
    context.restore();
  }

  /** @param {Sight} sight */
  _paintBicubic({ width, height, x, y, across, wipe }) {
    const scale = across / this._shown.width;
    const view = { x: x - wipe, y, scale, width: width - wipe, height };
    this._context.putImageData(bicubic(this._shown, view), wipe, 0);
    this._onRefined();
  }
}
