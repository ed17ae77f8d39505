/** Stage: the canvas on which a part of the picture is drawn, at any scale. */

import { CpuPainter } from "./cpu_painter.js";
import { GpuPainter } from "./gpu_painter.js";

/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {import("../zoom/loader.js").Creator} Creator */

/**
 * What is visible of a picture, in pixels of the screen.
 *
 * @typedef {Object} Sight
 * @property {number} width of the screen
 * @property {number} height
 * @property {number} x of the left edge of the picture
 * @property {number} y
 * @property {number} across width of the picture
 * @property {number} down height of the picture
 * @property {number} wipe column from which on the enlargement is bicubic
 * @property {boolean} isSmooth whether pixels are averaged
 * @property {boolean} isSharp whether the zoom prior enlarges what is left of that column
 */

const LARGEST_SCALE = 64;
const ROOM = 72; // for the buttons, in pixels of the layout
const CHECKER = 8; // side of a square behind what is transparent, in pixels of the layout

/** All lengths are in pixels of the screen, `devicePixelRatio` to one of the layout. */
export class Stage {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {() => void} onChange called when the scale or the place has changed
   */
  constructor(canvas, onChange) {
    this._canvas = canvas;
    this._context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this._onChange = onChange;
    this._pixels = document.createElement("canvas"); // the picture, pixel for pixel
    this._cpu = new CpuPainter(() => this._compose());
    this._gpu = GpuPainter.create(() => this._loseGpu());
    /** @type {CpuPainter | GpuPainter} */
    this._painter = this._cpu;
    this._layer = this._pixels; // what is visible of it, painted
    this._isWhole = false;
    this._isPhoto = false;
    this._isSharpened = false;
    this._isDue = false; // whether it is drawn again soon
    this._isFitted = true;
    /** Whether nothing was shown yet. */
    this.isEmpty = true;
    /** Size of the picture. */
    this.width = 1;
    this.height = 1;
    /** Pixels of the screen for one of the picture, and where its corner is. */
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    /** Part of the width from which on the enlargement is bicubic; 1 for nowhere. */
    this.wipe = 1;
    new ResizeObserver(() => this._resize()).observe(canvas);
  }

  /**
   * Show a picture, or a coarse one in its place.
   *
   * @param {Shown} shown
   * @param {{width: number, height: number}} size of the picture
   * @param {boolean} isPhoto whether the zoom prior may enlarge it
   */
  show(shown, { width, height }, isPhoto) {
    this.isEmpty = false;
    this._isPhoto = isPhoto;
    this._isWhole = shown.width === width && shown.height === height;
    this._pixels.width = shown.width;
    this._pixels.height = shown.height;
    const image = new ImageData(shown.rgba, shown.width, shown.height);
    this._pixels.getContext("2d")?.putImageData(image, 0, 0);
    this._cpu.load(this._pixels, shown);
    this._painter = this._gpu?.load(this._pixels, shown) ? this._gpu : this._cpu;
    if (this.width !== width || this.height !== height) {
      Object.assign(this, { width, height });
      this._isFitted = true;
    }
    this._update();
  }

  /** @param {Creator} create gives the zoom prior to the GPU, before a picture is shown */
  enlargeBy(create) {
    this._gpu?.enlargeBy(create, () => this._drawSoon());
  }

  /** @returns {boolean} whether the zoom prior can enlarge pictures */
  get canSharpen() {
    return this._painter === this._gpu && this._gpu.hasEnlarger;
  }

  /** @param {boolean} isOn whether the zoom prior enlarges pictures, where it can */
  sharpen(isOn) {
    this._isSharpened = isOn;
    this._update();
  }

  /** @returns {boolean} whether the zoom prior enlarges the picture */
  get isSharp() {
    const isSuited = this._isWhole && this._isPhoto && this.scale > 1;
    return isSuited && this._isSharpened && this.canSharpen;
  }

  /** Show the whole picture, but not enlarged unless it is tiny. */
  fit() {
    this._isFitted = true;
    this._update();
  }

  /**
   * Change the scale; a point stays where it is.
   *
   * @param {number} scale
   * @param {number} [x] of the point, by default the middle
   * @param {number} [y]
   */
  zoomTo(scale, x = this._canvas.width / 2, y = this._canvas.height / 2) {
    const least = Math.min(this._fittingScale(), 1) / 2;
    const factor = Math.min(Math.max(scale, least), LARGEST_SCALE) / this.scale;
    this.scale *= factor;
    this.x = x + (this.x - x) * factor;
    this.y = y + (this.y - y) * factor;
    this._isFitted = false;
    this._update();
  }

  /**
   * Move the picture.
   *
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this._isFitted = false;
    this._update();
  }

  /** @param {number} part of the width */
  wipeAt(part) {
    this.wipe = Math.min(Math.max(part, 0), 1);
    this._update();
  }

  _resize() {
    if (!this._canvas.clientWidth) {
      return; // hidden
    }
    const ratio = window.devicePixelRatio;
    this._canvas.width = Math.round(this._canvas.clientWidth * ratio);
    this._canvas.height = Math.round(this._canvas.clientHeight * ratio);
    this._update();
  }

  /** @returns {number} the scale at which the whole picture is visible */
  _fittingScale() {
    return Math.min(this._canvas.width / this.width, this._freeHeight() / this.height);
  }

  /** @returns {number} the height above the buttons */
  _freeHeight() {
    return Math.max(this._canvas.height - ROOM * window.devicePixelRatio, 1);
  }

  _update() {
    if (this._isFitted) {
      const fitting = this._fittingScale();
      this.scale = fitting > 4 ? Math.floor(fitting / 2) : Math.min(fitting, 1);
      this.x = (this._canvas.width - this.width * this.scale) / 2;
      this.y = (this._freeHeight() - this.height * this.scale) / 2;
    }
    this._keepInSight();
    this._draw();
    this._onChange();
  }

  /** Keep at least a corner of the picture on the screen. */
  _keepInSight() {
    const { width, height } = this._canvas;
    const rest = 48;
    this.x = Math.min(Math.max(this.x, rest - this.width * this.scale), width - rest);
    this.y = Math.min(Math.max(this.y, rest - this.height * this.scale), height - rest);
    if (Number.isInteger(this.scale)) {
      this.x = Math.round(this.x); // pixels of the picture cover whole pixels of the screen
      this.y = Math.round(this.y);
    }
  }

  _loseGpu() {
    this._gpu = null;
    this._painter = this._cpu;
    this._draw();
  }

  _drawSoon() {
    if (!this._isDue) {
      this._isDue = true;
      requestAnimationFrame(() => {
        this._isDue = false;
        this._draw();
      });
    }
  }

  _draw() {
    const { width, height } = this._canvas;
    this._layer = this._painter.paint({
      width,
      height,
      x: this.x,
      y: this.y,
      across: this.width * this.scale,
      down: this.height * this.scale,
      wipe: Math.round(this.wipe * width),
      isSmooth: this.scale < 1 || !this._isWhole,
      isSharp: this.isSharp,
    });
    this._canvas.dataset.zoom = this.isSharp && this._gpu?.isRefined ? "neural" : "";
    this._canvas.dataset.painter = this._painter.name;
    this._compose();
  }

  _compose() {
    const { _context: context, _canvas: canvas, scale } = this;
    context.clearRect(0, 0, canvas.width, canvas.height);
    this._drawChecker(this.x, this.y, this.width * scale, this.height * scale);
    context.drawImage(this._layer, 0, 0);
  }

  /**
   * Draw squares behind what is transparent.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} width
   * @param {number} height
   */
  _drawChecker(x, y, width, height) {
    const side = CHECKER * window.devicePixelRatio;
    const tile = document.createElement("canvas");
    tile.width = 2 * side;
    tile.height = 2 * side;
    const context = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
    context.fillStyle = "#9993";
    context.fillRect(0, 0, side, side);
    context.fillRect(side, side, side, side);
    this._context.fillStyle = /** @type {CanvasPattern} */ (
      this._context.createPattern(tile, "repeat")
    );
    this._context.fillRect(x, y, width, height);
  }
}
