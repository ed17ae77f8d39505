/** Curve of a number over the steps of a fit, and of its running mean, drawn as SVG. */

const SVG = "http://www.w3.org/2000/svg";
const LEFT = 44;
const BOTTOM = 18;
const TOP = 8;
const RIGHT = 8;
const NEWS = 0.2; // weight of a value in the running mean of a fit whose steps see strips of rows

/** The curve of one value, drawn into an SVG. */
export class Curve {
  /**
   * @param {SVGSVGElement} svg
   * @param {number} digits behind the decimal point, of the labels
   * @param {number} [news] weight of a value in the running mean
   */
  constructor(svg, digits, news = NEWS) {
    this.svg = svg;
    this.digits = digits;
    this.news = news;
    /** @type {[number, number, number][]} steps, values and their running means */
    this.points = [];
    this.steps = 1;
    this.at = -1;
    svg.addEventListener("pointermove", (event) => this.read(event.offsetX));
    svg.addEventListener("pointerleave", () => this.read(null));
  }

  /**
   * @param {number} step
   * @param {number} value
   * @param {number} steps in all, as far as is known
   */
  add(step, value, steps) {
    const before = this.last?.[2] ?? value;
    this.points.push([step, value, before + this.news * (value - before)]);
    this.steps = Math.max(step, steps);
  }

  /** Forget all points. */
  clear() {
    this.points = [];
    this.steps = 1;
    this.at = -1;
    this.svg.replaceChildren();
  }

  /**
   * Add the value of the whole picture.
   *
   * @param {number} value
   */
  end(value) {
    this.points.push([this.steps, value, value]);
  }

  get last() {
    return this.points[this.points.length - 1];
  }

  /**
   * Mark the point that is nearest to a place.
   *
   * @param {number | null} x null for no place
   */
  read(x) {
    this.at = x === null ? -1 : this.nearest(x);
    this.draw();
  }

  /** Draw all anew. */
  draw() {
    const values = this.points.map(([, value]) => value);
    if (values.length) {
      const low = Math.min(...values);
      const high = Math.max(...values, low + 10 ** -this.digits);
      this.svg.replaceChildren(...this.parts(low, high));
    }
  }

  /**
   * @param {number} low value at the bottom
   * @param {number} high value at the top
   * @returns {SVGElement[]}
   */
  parts(low, high) {
    const { width, height } = this.size();
    const [left, right] = [LEFT, width - RIGHT];
    /** @param {number} step */
    const x = (step) => left + ((right - left) * step) / this.steps;
    /** @param {number} value */
    const y = (value) => TOP + ((height - TOP - BOTTOM) * (high - value)) / (high - low);
    const ticks = [low, (low + high) / 2, high].flatMap((value) => [
      element("line", { class: "tick", x1: left, x2: right, y1: y(value), y2: y(value) }),
      this.label(value.toFixed(this.digits), left - 6, y(value) + 4, "end"),
    ]);
    /** @param {1 | 2} which */
    const line = (which) =>
      this.points.map((all) => `${x(all[0]).toFixed(1)},${y(all[which]).toFixed(1)}`).join(" ");
    const [step, , mean] = this.points[this.at] ?? this.last;
    const read = this.at < 0 ? "" : `step ${step}: ${mean.toFixed(this.digits)}`;
    return [
      ...ticks,
      element("polyline", { class: "values", points: line(1) }),
      element("polyline", { class: "curve", points: line(2) }),
      element("circle", { class: "mark", cx: x(step), cy: y(mean), r: 3 }),
      this.label("0", left, height - 3, "start"),
      this.label(read, (left + right) / 2, height - 3, "middle"),
      this.label(`${this.steps} steps`, right, height - 3, "end"),
    ];
  }

  /**
   * @param {number} x place in the drawing
   * @returns {number} index of a point
   */
  nearest(x) {
    const step = ((x - LEFT) / (this.size().width - LEFT - RIGHT)) * this.steps;
    let best = -1;
    this.points.forEach(([one], i) => {
      if (best < 0 || Math.abs(one - step) < Math.abs(this.points[best][0] - step)) {
        best = i;
      }
    });
    return best;
  }

  /** @returns {DOMRect} place of the drawing on the screen */
  size() {
    return this.svg.getBoundingClientRect();
  }

  /**
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {"start" | "middle" | "end"} anchor
   * @returns {SVGElement}
   */
  label(text, x, y, anchor) {
    const label = element("text", { x, y, "text-anchor": anchor });
    label.textContent = text;
    return label;
  }
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElement}
 */
function element(name, attributes) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, name));
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, String(value)));
  return made;
}
