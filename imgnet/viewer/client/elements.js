/** Elements of a page by their id, and what they are filled with. */

const BEING_SAVED = 10000; // milliseconds that a browser may read what it saves

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @param {string} id
 * @returns {SVGSVGElement}
 */
export function svgById(id) {
  return /** @type {SVGSVGElement} */ (document.querySelector(`svg#${id}`));
}

/**
 * Replace the rows of a table of names and values.
 *
 * @param {HTMLElement} table
 * @param {[string, string][]} rows
 */
export function fillTable(table, rows) {
  const filled = /** @type {HTMLTableElement} */ (table);
  filled.replaceChildren();
  for (const [name, value] of rows) {
    addRow(filled, name, value);
  }
}

/**
 * Add a row to a table of names and values.
 *
 * @param {HTMLTableElement} table
 * @param {string} name
 * @param {string} value
 * @returns {HTMLTableRowElement}
 */
export function addRow(table, name, value) {
  const row = table.insertRow();
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = name;
  row.append(head);
  row.insertCell().textContent = value;
  return row;
}

/**
 * @param {number} bytes
 * @returns {string}
 */
export function byteCount(bytes) {
  return `${bytes.toLocaleString("en")} bytes`;
}

/**
 * @param {number} seconds
 * @returns {string} minutes and seconds
 */
export function duration(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * Have the browser save a file.
 *
 * @param {string} address
 * @param {string} name
 */
export function download(address, name) {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}

/**
 * Have the browser save data as a file.
 *
 * @param {Blob} data
 * @param {string} name
 */
export function downloadBlob(data, name) {
  const address = URL.createObjectURL(data);
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), BEING_SAVED);
}
