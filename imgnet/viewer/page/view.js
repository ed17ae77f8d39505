/** Page that shows one .inr file. */

import { bytesOf, inflated } from "../client/base64.js";
import { Client } from "../client/client.js";
import { followGestures, KEYS } from "./gestures.js";
import { fillPanel } from "./panel.js";
import { Stage } from "./stage.js";

/**
 * What the command writes into the page.
 *
 * @typedef {Object} Data
 * @property {string} name of the file
 * @property {string} file its content in base64
 * @property {import("../client/client.js").Embedded} priors
 * @property {string} worker its script, deflated, in base64
 */

/** @type {Data} */
const data = JSON.parse(byId("data").textContent ?? "");
const stage = new Stage(/** @type {HTMLCanvasElement} */ (byId("stage")), showView);
const wipe = byId("wipe");
const slider = /** @type {HTMLInputElement} */ (wipe.querySelector("input"));
/** @type {Client | null} */
let client = null;
const script = inflated(data.worker);
let pictureName = data.name;

/** @type {Record<string, (stage: Stage) => unknown>} */
const ACTS = {
  in: KEYS["+"],
  out: KEYS["-"],
  fit: KEYS["0"],
  one: KEYS["1"],
  wipe: toggleWipe,
  panel: togglePanel,
  save: savePng,
};
/** @type {Record<string, string>} */
const LETTERS = { w: "wipe", i: "panel", s: "save" };

followGestures(byId("stage"), stage);
document.querySelectorAll("button").forEach((button) => {
  button.addEventListener("click", () => ACTS[button.dataset.act ?? ""](stage));
});
slider.addEventListener("input", () => stage.wipeAt(slider.valueAsNumber));
window.addEventListener("keydown", (event) => {
  if (!event.ctrlKey && !event.metaKey && !event.altKey && event.key in LETTERS) {
    ACTS[LETTERS[event.key]](stage);
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
  setState("decoding");
  try {
    const own = new Client(await script, data.priors);
    client?.close();
    client = own;
    const { shown, facts } = await own.decode(name, file, {
      onPreview: (preview, size) => stage.show(preview, size),
      onProgress: showProgress,
    });
    stage.show(shown, facts);
    fillPanel(byId("panel"), facts);
    setState("done");
  } catch (error) {
    byId("fault").textContent = /** @type {Error} */ (error).message;
    setState("failed");
  }
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
  const save = /** @type {HTMLButtonElement} */ (document.querySelector("[data-act=save]"));
  save.disabled = state !== "done";
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

function togglePanel() {
  const panel = byId("panel");
  panel.hidden = !panel.hidden;
  press("panel", !panel.hidden);
}

async function savePng() {
  if (client && document.body.dataset.state === "done") {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await client.png());
    link.download = pictureName.replace(/\.inr$/i, "") + ".png";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
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
  document.querySelector(`[data-act=${act}]`)?.setAttribute("aria-pressed", String(isOn));
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}
