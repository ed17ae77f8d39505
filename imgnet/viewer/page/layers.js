/** Layers of the stage: the picture, and its rate map over it. */

/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {{width: number, height: number}} Size */

/** What the stage shows; each change is shown at once. */
export class Layers {
  /** @param {Stage} stage */
  constructor(stage) {
    this._stage = stage;
    /** @type {Shown | null} */
    this._picture = null;
    /** @type {Shown | null} */
    this._rates = null;
    this._opacity = 1; // of the rate map
    /** @type {Size} */
    this._size = { width: 1, height: 1 };
  }

  /**
   * Show a picture, or a coarse one in its place.
   *
   * @param {Shown} picture
   * @param {Size} size of the whole picture
   */
  showPicture(picture, { width, height }) {
    this._picture = picture;
    this._size = { width, height };
    this._draw();
  }

  /** @param {Shown | null} rates the rate map of the whole picture, or none */
  showRates(rates) {
    this._rates = rates;
    this._draw();
  }

  /** @param {number} opacity of the rate map, 0..1 */
  fadeRates(opacity) {
    this._opacity = opacity;
    this._draw();
  }

  _draw() {
    if (this._picture) {
      const { _picture: picture, _rates: rates } = this;
      const shown = rates ? covered(picture, rates, this._opacity) : picture;
      this._stage.show(shown, this._size, !rates);
    }
  }
}

/**
 * Return a picture under a rate map.
 *
 * @param {Shown} picture
 * @param {Shown} rates at least as large
 * @param {number} opacity of the rate map
 * @returns {Shown}
 */
function covered({ width, height, rgba }, rates, opacity) {
  const mixed = new Uint8ClampedArray(rgba.length);
  for (let y = 0, at = 0; y < height; y += 1) {
    const row = Math.floor((y * rates.height) / height) * rates.width;
    for (let x = 0; x < width; x += 1, at += 4) {
      const from = 4 * (row + Math.floor((x * rates.width) / width));
      for (let i = 0; i < 4; i += 1) {
        const below = rgba[at + i];
        mixed[at + i] = below + opacity * (rates.rgba[from + i] - below);
      }
    }
  }
  return { width, height, rgba: mixed };
}
