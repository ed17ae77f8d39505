/** Page that shows one .inr file. */

import { bytesOf, inflated } from "../client/base64.js";
import { Client } from "../client/client.js";
import { byId, downloadBlob } from "../client/elements.js";
import { latest } from "../client/latest.js";
import { loadEnlarger } from "../zoom/loader.js";
import { followGestures, KEYS } from "./gestures.js";
import { Layers } from "./layers.js";
import { fillLegend } from "./legend.js";
import { fillPanel } from "./panel.js";
import { Parts } from "./parts.js";
import { Stage } from "./stage.js";

/**
 * What the command writes into the page.
 *
 * @typedef {Object} Data
 * @property {string} name of the file
 * @property {string} file its content in base64
 * @property {import("../client/client.js").Embedded} priors
 * @property {string} worker its script, deflated, in base64
 * @property {import("../zoom/loader.js").Embedded | null} zoom what enlarges pictures of `grid`
 * @property {string} ramp colours of the rate map in base64, three samples each
 */

/** @typedef {import("../decoder/worker.js").Facts} Facts */
/** @typedef {import("../decoder/worker.js").Rates} Rates */
/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {import("../decoder/worker.js").Size} Size */

/** @type {Data} */
const data = JSON.parse(byId("data").textContent ?? "");
const stage = new Stage(/** @type {HTMLCanvasElement} */ (byId("stage")), showView);
const layers = new Layers(stage);
const parts = new Parts(byId("parts"), () => {
  stage.sharpen(parts.isSharp);
  update();
});
const opacity = /** @type {HTMLInputElement} */ (byId("opacity"));
const ramp = new Uint8Array(bytesOf(data.ramp));
const wipe = byId("wipe");
const slider = /** @type {HTMLInputElement} */ (wipe.querySelector("input"));
/** @type {Client | null} */
let client = null;
const script = inflated(data.worker);
const enlarging = data.zoom && loadEnlarger(data.zoom).then((it) => it && stage.enlargeBy(it));
let pictureName = data.name;
let update = async () => {}; // shows the parts and the rate map that are switched on

const WATCHER = {
  onPreview: (/** @type {Shown} */ preview, /** @type {Size} */ size) =>
    layers.showPicture(preview, size),
  onProgress: showProgress,
};
/** @type {Record<string, (stage: Stage) => unknown>} */
const ACTS = {
  in: KEYS["+"],
  out: KEYS["-"],
  fit: KEYS["0"],
  one: KEYS["1"],
  wipe: toggleWipe,
  parts: () => toggle("parts", "parts"),
  rates: toggleRates,
  panel: () => toggle("panel", "panel"),
  save: savePng,
};
/** @type {Record<string, string>} */
const LETTERS = { w: "wipe", p: "parts", r: "rates", i: "panel", s: "save" };

followGestures(byId("stage"), stage);
document.querySelectorAll("button").forEach((button) => {
  button.addEventListener("click", () => ACTS[button.dataset.act ?? ""](stage));
});
slider.addEventListener("input", () => stage.wipeAt(slider.valueAsNumber));
opacity.addEventListener("input", () => layers.fadeRates(opacity.valueAsNumber));
layers.fadeRates(opacity.valueAsNumber);
window.addEventListener("keydown", (event) => {
  const act = LETTERS[event.key];
  if (!event.ctrlKey && !event.metaKey && !event.altKey && act && !buttonOf(act).hidden) {
    ACTS[act](stage);
  }
});
followDrops();
openFile(data.name, bytesOf(data.file));

/**
 * Decode a file and show it; its coarse pictures come first.
 *
 * @param {string} name
 * @param {ArrayBuffer} file
 */
async function openFile(name, file) {
  pictureName = name;
  document.title = name;
  byId("stage").ariaLabel = name;
  offer(null);
  await working(async () => {
    const own = new Client(await script, data.priors);
    client?.close();
    client = own;
    const { shown, facts } = await own.decode(name, file, WATCHER);
    await enlarging;
    layers.showPicture(shown, facts);
    fillPanel(byId("panel"), facts);
    offer(facts);
    update = updater(own, shown, facts);
  });
}

/**
 * Do a job of the worker, and show that it lasts and how it ends.
 *
 * @param {() => Promise<void>} job
 */
async function working(job) {
  setState("decoding");
  try {
    await job();
    setState("done");
  } catch (error) {
    byId("fault").textContent = /** @type {Error} */ (error).message;
    setState("failed");
  }
}

/**
 * Return what shows the parts and the rate map of a file that are switched on.
 *
 * @param {Client} own
 * @param {Shown} whole its picture
 * @param {Facts} facts
 * @returns {() => Promise<void>}
 */
function updater(own, whole, facts) {
  const everything = JSON.stringify(parts.omitted);
  let current = everything;
  /** @type {Rates | null} */
  let rates = null;
  const job = async () => {
    const { omitted } = parts;
    const wanted = JSON.stringify(omitted);
    if (wanted !== current) {
      const isWhole = wanted === everything;
      layers.showPicture(isWhole ? whole : await own.render(omitted, WATCHER), facts);
      current = wanted;
    }
    const isOn = isPressed("rates");
    if (isOn && !rates) {
      rates = await own.rates(ramp, WATCHER);
      fillLegend(byId("legend"), rates, ramp);
    }
    layers.showRates(isOn && rates ? rates.shown : null);
    byId("legend").hidden = !isOn;
  };
  return latest(() => working(job));
}

/**
 * Offer the parts and the rate map that a file has, all parts on and the rate map off.
 *
 * @param {Facts | null} facts null while they are not known
 */
function offer(facts) {
  update = async () => {};
  layers.showRates(null);
  byId("legend").hidden = true;
  press("rates", false);
  buttonOf("rates").hidden = !facts?.isCoded;
  buttonOf("parts").hidden = !facts?.levels.length;
  byId("parts").hidden ||= buttonOf("parts").hidden;
  press("parts", !byId("parts").hidden);
  if (facts) {
    parts.offer(facts, stage.canSharpen);
  }
  stage.sharpen(Boolean(facts?.levels.length));
}

/** @param {"decoding" | "done" | "failed"} state */
function setState(state) {
  document.body.dataset.state = state;
  showProgress(0);
  byId("progress").hidden = state !== "decoding";
  byId("fault").hidden = state !== "failed";
  for (const id of ["stage", "buttons"]) {
    byId(id).hidden = state === "failed";
  }
  wipe.hidden ||= state === "failed";
  buttonOf("save").disabled = state !== "done";
}

/** @param {number} done */
function showProgress(done) {
  /** @type {HTMLProgressElement} */ (byId("progress")).value = done;
}

/** Show the scale, and the wipe where there is something to compare. */
function showView() {
  const percent = 100 * stage.scale;
  const rounded = percent < 10 ? percent.toFixed(1) : Math.round(percent);
  byId("scale").textContent = stage.isEmpty ? "" : `${rounded} %`;
  wipe.hidden = stage.wipe === 1 || stage.scale <= 1;
  const [left] = wipe.getElementsByTagName("span");
  left.textContent = stage.isSharp ? "zoom prior" : "pixels";
  wipe.style.setProperty("--at", `${100 * stage.wipe}%`);
}

function toggleWipe() {
  const isOn = stage.wipe === 1;
  press("wipe", isOn);
  stage.wipeAt(isOn ? slider.valueAsNumber : 1);
  if (isOn && stage.scale <= 1) {
    stage.zoomTo(4);
  }
}

function toggleRates() {
  press("rates", !isPressed("rates"));
  update();
}

/**
 * @param {string} act
 * @param {string} id of what its button shows and hides
 */
function toggle(act, id) {
  const panel = byId(id);
  panel.hidden = !panel.hidden;
  press(act, !panel.hidden);
}

async function savePng() {
  if (client && document.body.dataset.state === "done") {
    downloadBlob(await client.png(), `${pictureName.replace(/\.inr$/i, "")}.png`);
  }
}

/** Open a file that is dropped on the page. */
function followDrops() {
  for (const kind of ["dragover", "dragleave", "drop"]) {
    window.addEventListener(kind, (event) => {
      event.preventDefault();
      byId("drop").hidden = kind !== "dragover";
    });
  }
  window.addEventListener("drop", async (event) => {
    const file = event.dataTransfer?.files[0];
    if (file) {
      openFile(file.name, await file.arrayBuffer());
    }
  });
}

/**
 * @param {string} act
 * @param {boolean} isOn
 */
function press(act, isOn) {
  buttonOf(act).ariaPressed = String(isOn);
}

/**
 * @param {string} act
 * @returns {boolean}
 */
function isPressed(act) {
  return buttonOf(act).ariaPressed === "true";
}

/**
 * @param {string} act
 * @returns {HTMLButtonElement}
 */
function buttonOf(act) {
  return /** @type {HTMLButtonElement} */ (document.querySelector(`[data-act=${act}]`));
}
