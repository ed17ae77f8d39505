/** Panel with what is known of the file. */

import { addRow, byteCount } from "../client/elements.js";

/** @typedef {import("../decoder/worker.js").Facts} Facts */

/**
 * Fill the panel.
 *
 * @param {HTMLElement} panel
 * @param {Facts} facts
 */
export function fillPanel(panel, facts) {
  const { width, height, mode, depth, numBytes, family, prior, parts, metadata } = facts;
  const raw = (width * height * mode.length * depth) / 8;
  const stored = partsOf(parts, metadata);
  const title = document.createElement("h1");
  title.textContent = facts.name;
  panel.replaceChildren(
    title,
    table([
      ["Size", `${width} × ${height}`],
      ["Samples", `${mode}, ${depth} bits`],
      ["File", byteCount(numBytes)],
      ["Rate", `${((8 * numBytes) / (width * height)).toFixed(3)} bpp`],
      ["Of raw", `1/${(raw / numBytes).toFixed(1)}`],
      ["Model", family],
      ...(prior ? /** @type {[string, string][]} */ ([["Prior", prior]]) : []),
    ]),
    heading("Bytes"),
    table(
      stored.map(([part, count]) => [part, byteCount(count)]),
      stored.map(([, count]) => count / numBytes),
    ),
  );
}

/**
 * Tell the metadata apart from the header that holds them.
 *
 * @param {[string, number][]} parts bytes of the header, of the network and of latents
 * @param {[string, number][]} metadata bytes of each kind
 * @returns {[string, number][]}
 */
function partsOf([[header, count], ...others], metadata) {
  const rest = metadata.reduce((left, [, size]) => left - size, count);
  return [[header, rest], ...metadata, ...others];
}

/**
 * @param {string} text
 * @returns {HTMLElement}
 */
function heading(text) {
  const element = document.createElement("h2");
  element.textContent = text;
  return element;
}

/**
 * @param {[string, string][]} rows
 * @param {number[]} [parts] of the whole, which bars show
 * @returns {HTMLTableElement}
 */
function table(rows, parts) {
  const element = document.createElement("table");
  rows.forEach(([name, value], i) => {
    const row = addRow(element, name, value);
    if (parts) {
      row.style.setProperty("--part", `${Math.max(0, 100 * parts[i])}%`);
    }
  });
  return element;
}
