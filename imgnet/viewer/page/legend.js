/** Legend of the rate map: its colours, their bits a pixel and its opacity. */

/** @typedef {import("../decoder/worker.js").Rates} Rates */

/**
 * Fill the legend.
 *
 * @param {HTMLElement} legend
 * @param {Rates} rates
 * @param {Uint8Array} ramp colours from dark to bright, three samples each
 */
export function fillLegend(legend, { most, bits }, ramp) {
  const [bar, total, end] = ["#ramp", "#total", "#most"].map(
    (name) => /** @type {HTMLElement} */ (legend.querySelector(name)),
  );
  bar.style.background = `linear-gradient(to right, ${stops(ramp).join()})`;
  end.textContent = `${most.toPrecision(3)} bpp`;
  total.textContent = `${Math.round(bits / 8).toLocaleString("en")} bytes of latents`;
}

/**
 * @param {Uint8Array} ramp
 * @returns {string[]} colours of CSS, evenly spaced
 */
function stops(ramp) {
  return Array.from({ length: 17 }, (_, i) => {
    const at = 3 * Math.round((i / 16) * (ramp.length / 3 - 1));
    return `rgb(${ramp.subarray(at, at + 3).join(" ")})`;
  });
}
