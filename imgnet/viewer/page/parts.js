/** Parts of a picture of `grid`, each with a checkbox that leaves it out. */

/** @typedef {import("../decoder/grids/kept_grids.js").Omitted} Omitted */
/** @typedef {import("../decoder/worker.js").Facts} Facts */

const RESIDUALS = "3x3 residual layers";
const COLOUR = "Latents of colour";
const ZOOM = "Zoom prior";

/** The panel with the checkboxes. */
export class Parts {
  /**
   * @param {HTMLElement} panel
   * @param {() => void} onChange
   */
  constructor(panel, onChange) {
    this._panel = panel;
    panel.addEventListener("change", onChange);
    /** @type {Map<number, HTMLInputElement>} by level */
    this._levels = new Map();
    this._colour = checkbox();
    this._residuals = checkbox();
    this._zoom = checkbox();
  }

  /**
   * Offer the parts that a file has; all of them are on.
   *
   * @param {Facts} facts
   * @param {boolean} canSharpen whether there is a zoom prior
   */
  offer({ levels, numPyramids, numResiduals }, canSharpen) {
    this._levels = new Map(levels.map((level) => [level, checkbox()]));
    this._colour = checkbox();
    this._residuals = checkbox();
    this._zoom = checkbox();
    const title = document.createElement("h2");
    title.textContent = "Parts of the picture";
    this._panel.replaceChildren(
      title,
      ...[...this._levels].map(([level, box]) => labelled(box, `Latents 1/${2 ** level}`)),
      ...(numPyramids > 1 ? [labelled(this._colour, COLOUR)] : []),
      ...(numResiduals ? [labelled(this._residuals, RESIDUALS)] : []),
      ...(canSharpen ? [labelled(this._zoom, ZOOM)] : []),
    );
  }

  /** @returns {boolean} whether the zoom prior is on */
  get isSharp() {
    return this._zoom.checked;
  }

  /** @returns {Omitted} parts that are switched off */
  get omitted() {
    const levels = [...this._levels].filter(([, box]) => !box.checked).map(([level]) => level);
    return { levels, colour: !this._colour.checked, residuals: !this._residuals.checked };
  }
}

/** @returns {HTMLInputElement} one that is on */
function checkbox() {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = true;
  return box;
}

/**
 * @param {HTMLInputElement} box
 * @param {string} text
 * @returns {HTMLElement}
 */
function labelled(box, text) {
  const label = document.createElement("label");
  label.append(box, text);
  return label;
}
