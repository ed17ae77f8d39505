/** Page that fits a network to a picture that is dropped on it. */

import { inflated } from "../../client/base64.js";
import {
  byId,
  byteCount,
  downloadBlob,
  duration,
  fillTable,
  svgById,
} from "../../client/elements.js";
import { Curve } from "../../live/curve.js";
import { Crew, numThreads } from "./crew.js";
import { readOriginal } from "./original.js";

/** @typedef {import("../training/worker.js").Report} Report */
/** @typedef {import("./original.js").Original} Original */

/** @typedef {Extract<Report, {kind: "snapshot"}>} Snapshot */

/** What the page offers of each family; the second width is the usual one. */
const MODELS = {
  mlp: { widths: [32, 64, 128], numLayers: 3 },
  gated: { widths: [16, 32, 64], numLayers: 1 },
};

/** @type {{worker: string}} script of the workers, deflated, in base64 */
const data = JSON.parse(byId("data").textContent ?? "");
const inflating = inflated(data.worker);
const picture = /** @type {HTMLCanvasElement} */ (byId("picture"));
const chosen = /** @type {HTMLInputElement} */ (byId("file"));
const family = /** @type {HTMLSelectElement} */ (byId("family"));
const width = /** @type {HTMLSelectElement} */ (byId("width"));
const pause = /** @type {HTMLButtonElement} */ (byId("pause"));
const save = /** @type {HTMLButtonElement} */ (byId("save"));
const curve = new Curve(svgById("psnr"), 1, 1);
/** @type {{name: string, original: Original} | null} */
let source = null;
/** @type {File | null} the last one that was asked for */
let opening = null;
/** @type {Crew | null} */
let crew = null;
/** @type {Snapshot | null} */
let latest = null;

family.append(...Object.keys(MODELS).map((name) => new Option(name)));
offerWidths();
family.addEventListener("change", () => {
  offerWidths();
  begin();
});
width.addEventListener("change", begin);
byId("choose").addEventListener("click", () => chosen.click());
chosen.addEventListener("change", () => open(chosen.files?.[0]));
pause.addEventListener("click", stopOrGoOn);
save.addEventListener("click", saveFile);
window.addEventListener("resize", () => curve.draw());
followDrops();

function offerWidths() {
  const { widths } = MODELS[/** @type {keyof typeof MODELS} */ (family.value)];
  width.replaceChildren(...widths.map((units) => new Option(`${units}`)));
  width.selectedIndex = 1;
}

function followDrops() {
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  window.addEventListener("dragleave", () => document.body.classList.remove("dragging"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    open(event.dataTransfer?.files[0]);
  });
}

/**
 * Fit a network to a file from now on.
 *
 * @param {File | undefined} file
 */
async function open(file) {
  if (!file) {
    return;
  }
  end();
  source = null;
  opening = file;
  try {
    const original = await readOriginal(file);
    if (opening === file) {
      source = { name: file.name, original };
      begin();
    }
  } catch (error) {
    if (opening === file) {
      setState("failed", `${file.name}: ${/** @type {Error} */ (error).message}`);
    }
  }
}

/** Start the fit anew. */
async function begin() {
  const script = await inflating;
  if (!source) {
    return;
  }
  end();
  const { name, original } = source;
  const { numLayers } = MODELS[/** @type {keyof typeof MODELS} */ (family.value)];
  const own = { family: family.value, dimHidden: Number(width.value), numLayers };
  const task = { .../** @type {any} */ (own), ...original };
  document.title = name;
  byId("name").textContent = name;
  byId("drop").hidden = true;
  picture.hidden = false;
  Object.assign(picture, { width: original.width, height: original.height });
  setState("fitting", "Fitting");
  crew = new Crew(script, task, show);
}

/** End the fit and forget it. */
function end() {
  crew?.close();
  [crew, latest] = [null, null];
  curve.clear();
  fillTable(byId("facts"), []);
}

/** @param {Report} report */
function show(report) {
  if (report.kind === "failed") {
    setState("failed", report.message);
    return;
  }
  latest = report;
  draw(report);
  if (Number.isFinite(report.psnr)) {
    curve.add(report.steps, report.psnr, report.steps);
    curve.draw();
  }
  fillTable(byId("facts"), factsOf(report));
  const { scaled, width: columns, height } = /** @type {any} */ (source).original;
  const size = scaled ? `, scaled down from ${scaled}` : "";
  const doing = report.isLast ? "Stopped" : `Fitting ${placeOf(report)}`;
  setState(report.isLast ? "stopped" : "fitting", `${doing}: ${columns}x${height}${size}`);
}

/**
 * @param {Snapshot} snapshot
 * @returns {string} where the fit runs
 */
function placeOf({ faster }) {
  const threads = `in ${numThreads()} ${numThreads() > 1 ? "threads" : "thread"}`;
  if (!faster) {
    return threads;
  }
  return faster === "gpu" ? "on the GPU" : `${threads}, faster than the GPU`;
}

/** @param {Snapshot} snapshot */
function draw({ pixels }) {
  const image = new ImageData(picture.width, picture.height);
  image.data.fill(255);
  pixels.forEach((value, i) => (image.data[4 * Math.floor(i / 3) + (i % 3)] = value));
  picture.getContext("2d")?.putImageData(image, 0, 0);
}

/**
 * @param {Snapshot} snapshot
 * @returns {[string, string][]}
 */
function factsOf({ file, psnr, steps, seconds }) {
  const bpp = (8 * file.length) / (picture.width * picture.height);
  return [
    ["PSNR", Number.isFinite(psnr) ? `${psnr.toFixed(2)} dB` : "exact"],
    ["Rate", `${bpp.toFixed(3)} bpp`],
    ["File", byteCount(file.length)],
    ["Step", steps.toLocaleString("en")],
    ["Steps a second", (steps / seconds).toFixed(0)],
    ["Time", duration(seconds)],
  ];
}

function stopOrGoOn() {
  if (document.body.dataset.state === "fitting") {
    crew?.stop();
  } else {
    crew?.goOn();
    setState("fitting", "Fitting");
  }
}

function saveFile() {
  if (latest && source) {
    downloadBlob(new Blob([latest.file]), source.name.replace(/(\.[^.]*)?$/, ".inr"));
  }
}

/**
 * @param {"fitting" | "stopped" | "failed"} state
 * @param {string} message
 */
function setState(state, message) {
  document.body.dataset.state = state;
  byId("state").textContent = message;
  pause.textContent = state === "stopped" ? "Go on" : "Stop";
  pause.disabled = state === "failed";
  save.disabled = !latest || state === "failed";
}
