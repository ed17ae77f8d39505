/** Page that shows a fit while it runs. */

import { byId, byteCount, download, duration, fillTable, svgById } from "../client/elements.js";
import { Curve } from "./curve.js";

/**
 * What the server writes into the page.
 *
 * @typedef {Object} Data
 * @property {string} name of the picture
 * @property {string} result name of the file to download
 */

/**
 * A report of the fit, see `progress.py`.
 *
 * @typedef {Object} Progress
 * @property {number} step
 * @property {number} steps
 * @property {number} psnr_db
 * @property {number} bpp
 * @property {number} elapsed_s
 * @property {number} remaining_s
 */

/**
 * The end of the fit.
 *
 * @typedef {Object} Done
 * @property {number} bytes of the file
 * @property {number} metadata bytes among these
 * @property {number} bpp
 * @property {number | null} psnr_db null if the pixels are exact
 * @property {number} seconds
 */

/** @type {Data} */
const data = JSON.parse(byId("data").textContent ?? "");
const token = location.search.slice(1).split("&")[0];
const picture = /** @type {HTMLImageElement} */ (byId("picture"));
const save = /** @type {HTMLButtonElement} */ (byId("save"));
const curves = {
  psnr: new Curve(svgById("psnr"), 1),
  rate: new Curve(svgById("rate"), 3),
};
let wanted = -1; // step of the snapshot that should be shown
let shown = -1;
let isDrawing = false;
/** @type {Progress | null} */
let latest = null;

save.textContent = `Download ${data.result}`;
save.addEventListener("click", () => download(address("result.inr"), data.result));
picture.addEventListener("load", showPicture);
window.addEventListener("resize", draw);
setState("starting", "Starting");
const events = new EventSource(address("events"));
listen("progress", showProgress);
listen("snapshot", (/** @type {{ step: number }} */ { step }) => showSnapshot(step));
listen("done", showEnd);
listen("failed", (/** @type {{ message: string }} */ { message }) => setState("failed", message));
events.addEventListener("error", () => {
  events.close();
  save.disabled = true;
  if (document.body.dataset.state !== "failed") {
    setState("ended", "The command has ended.");
  }
});

/**
 * @param {string} kind
 * @param {(facts: any) => void} act
 */
function listen(kind, act) {
  events.addEventListener(kind, (event) => act(JSON.parse(event.data)));
}

/** @param {Progress} progress */
function showProgress(progress) {
  latest = progress;
  curves.psnr.add(progress.step, progress.psnr_db, progress.steps);
  curves.rate.add(progress.step, progress.bpp, progress.steps);
  setState("fitting", "Fitting");
  if (!isDrawing) {
    isDrawing = true;
    requestAnimationFrame(draw); // once for all events that came together
  }
}

function draw() {
  isDrawing = false;
  if (!latest) {
    return;
  }
  const { step, steps, psnr_db: psnr, bpp, elapsed_s: elapsed, remaining_s: left } = latest;
  if (document.body.dataset.state === "fitting") {
    fillTable(byId("facts"), [
      ["Step", `${step} of ${steps}`],
      ["PSNR", `${psnr.toFixed(2)} dB`],
      ["Rate", `${bpp.toFixed(3)} bpp`],
      ["Time", duration(elapsed)],
      ["Left", duration(left)],
    ]);
    /** @type {HTMLProgressElement} */ (byId("progress")).value = step / steps;
  }
  curves.psnr.draw();
  curves.rate.draw();
}

/**
 * Load a snapshot, unless one is being loaded; then the latest follows it.
 *
 * @param {number} step
 */
function showSnapshot(step) {
  const isLoading = wanted !== shown;
  wanted = step;
  if (!isLoading) {
    load();
  }
}

function load() {
  picture.dataset.step = String(wanted);
  picture.src = `${address("snapshot.png")}&${wanted}`;
}

function showPicture() {
  picture.hidden = false;
  shown = Number(picture.dataset.step);
  if (shown !== wanted) {
    load();
  }
}

/** @param {Done} done */
function showEnd({ bytes, metadata, bpp, psnr_db: psnr, seconds }) {
  setState("done", "Done");
  fillTable(byId("facts"), [
    ["File", byteCount(bytes)],
    ...(metadata
      ? /** @type {[string, string][]} */ ([["Metadata in it", byteCount(metadata)]])
      : []),
    ["PSNR", psnr === null ? "exact" : `${psnr.toFixed(2)} dB`],
    ["Rate", `${bpp.toFixed(3)} bpp`],
    ["Time", duration(seconds)],
  ]);
  if (psnr !== null) {
    curves.psnr.end(psnr);
  }
  curves.rate.end(bpp * (1 - metadata / bytes)); // reports of the fit leave it out, too
  draw();
  save.disabled = false;
}

/**
 * @param {"starting" | "fitting" | "done" | "failed" | "ended"} state
 * @param {string} message
 */
function setState(state, message) {
  document.body.dataset.state = state;
  byId("state").textContent = message;
  byId("progress").hidden = state !== "starting" && state !== "fitting";
}

/**
 * @param {string} path
 * @returns {string}
 */
function address(path) {
  return `${path}?${token}`;
}
