/** `<inr-image src alt width height>`: an .inr file on a web page, as `<img>` shows others. */

import { Pool } from "./pool.js";

/** @typedef {import("../client/client.js").Client} Client */
/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {{width: number, height: number}} Size */

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
:host { display: inline-block; overflow: clip; }
:host([hidden]) { display: none; }
canvas { display: block; width: 100%; height: 100%; }
`);
const NEAR = "50%"; // of the window: pictures so far outside it are decoded

/** @type {Pool} shared by all pictures */
let pool;

/**
 * Define the element.
 *
 * @param {{worker: string, priors: import("../client/client.js").Embedded}} data of the module
 */
export function define(data) {
  if (!customElements.get("inr-image")) {
    pool = new Pool(data);
    customElements.define("inr-image", InrImage);
  }
}

/**
 * A picture. It decodes when it comes near the window, and as fine as the layout needs.
 *
 * Events: `load`, when the picture is there; `error`, an `ErrorEvent` with the message of the
 * command line.
 */
class InrImage extends HTMLElement {
  static observedAttributes = ["src", "alt", "width", "height"];

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    this._sizes = new CSSStyleSheet(); // from the attributes
    root.adoptedStyleSheets = [STYLE, this._sizes];
    this._canvas = document.createElement("canvas");
    this._text = document.createElement("span"); // alt, where there is no picture
    this._canvas.width = 0;
    this._canvas.height = 0;
    root.append(this._canvas, this._text);
    this._internals = this.attachInternals();
    this._isNear = false;
    this._observer = new IntersectionObserver((entries) => this._onNear(entries), {
      rootMargin: NEAR,
    });
    this._resizes = new ResizeObserver(() => this._update());
    /** @type {ArrayBuffer | null} content of the file */
    this._file = null;
    this._decodedWidth = 0; // for which the picture is fine enough
    this._job = 0; // number of the last one; others are stale
    /** Size of the picture in the file, or 0. */
    this.naturalWidth = 0;
    this.naturalHeight = 0;
    /** Whether there is nothing left to do. */
    this.complete = false;
  }

  connectedCallback() {
    this._observer.observe(this);
    this._resizes.observe(this);
  }

  disconnectedCallback() {
    this._observer.disconnect();
    this._resizes.disconnect();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (name === "src") {
      this._reset();
      this._update();
    } else if (name === "alt") {
      this._internals.role = this.alt ? "img" : "presentation";
      this._internals.ariaLabel = this.alt;
    } else {
      this._layOut();
    }
  }

  /** Address of the file. */
  get src() {
    return this.getAttribute("src") ?? "";
  }

  set src(address) {
    this.setAttribute("src", address);
  }

  /** Text in place of the picture. */
  get alt() {
    return this.getAttribute("alt") ?? "";
  }

  set alt(text) {
    this.setAttribute("alt", text);
  }

  _reset() {
    this._job += 1;
    this._canvas.width = 0;
    this._file = null;
    this._decodedWidth = 0;
    this._text.textContent = "";
    this.complete = false;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  _onNear(entries) {
    this._isNear = entries.some(({ isIntersecting }) => isIntersecting);
    this._update();
  }

  /** Decode the file, if the picture is not fine enough yet. */
  _update() {
    const width = Math.ceil(this.clientWidth * window.devicePixelRatio);
    const needed = width || Infinity; // without a width, that of the file is not known yet
    if (this._isNear && this.src && needed > this._decodedWidth) {
      this._decodedWidth = needed;
      this._job += 1;
      this._start(this._job, this.src, needed);
    }
  }

  /**
   * @param {number} job
   * @param {string} address
   * @param {number} neededWidth
   */
  async _start(job, address, neededWidth) {
    const name = nameOf(address);
    try {
      const file = this._file ?? (await fetched(address, name));
      if (job === this._job) {
        this._file = file;
        await pool.run((client) => this._decode(client, job, name, neededWidth));
      }
    } catch (error) {
      this._fail(job, error);
    }
  }

  /**
   * @param {Client} client
   * @param {number} job
   * @param {string} name
   * @param {number} neededWidth
   */
  async _decode(client, job, name, neededWidth) {
    if (job !== this._job || !this._file) {
      return; // another source or size came while it waited
    }
    const watcher = {
      onPreview: (/** @type {Shown} */ shown, /** @type {Size} */ size) =>
        this._show(job, shown, size),
      onProgress: () => {},
    };
    const { shown, facts } = await client.decode(name, this._file, watcher, neededWidth);
    this._show(job, shown, facts);
    this._finish(job, new Event("load"));
  }

  /**
   * @param {number} job
   * @param {Shown} shown
   * @param {Size} size of the picture in the file
   */
  _show(job, shown, size) {
    if (job !== this._job || shown.width < this._canvas.width) {
      return;
    }
    this.naturalWidth = size.width;
    this.naturalHeight = size.height;
    this._canvas.width = shown.width;
    this._canvas.height = shown.height;
    const image = new ImageData(shown.rgba, shown.width, shown.height);
    this._canvas.getContext("2d")?.putImageData(image, 0, 0);
    this._layOut();
  }

  /** Give the element the size of its attributes, or else of the file. */
  _layOut() {
    const given = [this.getAttribute("width"), this.getAttribute("height")];
    const natural = this.naturalWidth ? [this.naturalWidth, this.naturalHeight] : null;
    this._sizes.replaceSync(`:host { ${rulesOf(given.map(lengthOf), natural)} }`);
  }

  /**
   * @param {number} job
   * @param {unknown} error
   */
  _fail(job, error) {
    if (job === this._job) {
      this._canvas.width = 0;
      this._text.textContent = this.alt;
      const { message } = /** @type {Error} */ (error);
      this._finish(job, new ErrorEvent("error", { message }));
    }
  }

  /**
   * @param {number} job
   * @param {Event} event
   */
  _finish(job, event) {
    if (job === this._job) {
      this.complete = true;
      this.dispatchEvent(event);
    }
  }
}

/**
 * @param {string | null} attribute
 * @returns {number} its pixels; NaN for none
 */
function lengthOf(attribute) {
  return parseInt(attribute ?? "", 10);
}

/**
 * Return the CSS of a size.
 *
 * @param {number[]} given width and height; NaN for none
 * @param {number[] | null} natural width and height, where they are known
 * @returns {string}
 */
function rulesOf([width, height], natural) {
  const ratio = width >= 0 && height >= 0 ? [width, height] : natural;
  const rules = ratio ? [`aspect-ratio: ${ratio.join(" / ")}`] : [];
  if (width >= 0) {
    rules.push(`width: ${width}px`);
  } else if (height >= 0) {
    rules.push(`height: ${height}px`);
  } else if (natural) {
    rules.push(`width: ${natural[0]}px`);
  }
  return rules.join("; ");
}

/**
 * @param {string} address
 * @param {string} name
 * @returns {Promise<ArrayBuffer>}
 */
async function fetched(address, name) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) {
    const fault = response ? `${response.status} ${response.statusText}`.trim() : "no connection";
    throw new Error(`${name}: cannot be read (${fault})`);
  }
  return response.arrayBuffer();
}

/**
 * @param {string} address
 * @returns {string} its last part
 */
function nameOf(address) {
  return (
    address
      .replace(/[?#].*$/, "")
      .split("/")
      .pop() || address
  );
}
