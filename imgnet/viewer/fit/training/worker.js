/** Web Worker of a fit, a trainer or one of its helpers; `crew.js` is its other side. */

import { Spec } from "../../decoder/spec.js";
import { nextTurn } from "../../decoder/turn.js";
import { GpuGradients } from "../gpu/gradients.js";
import { PlainKernels } from "../kernels/plain.js";
import { SimdKernels } from "../kernels/simd.js";
import { everyPixel } from "../network/lattice.js";
import { Network } from "../network/network.js";
import { computeWith, help } from "./shares.js";
import { Trainer } from "./trainer.js";

/**
 * What a fit is of.
 *
 * @typedef {Object} Task
 * @property {"gated" | "mlp"} family
 * @property {number} dimHidden
 * @property {number} numLayers
 * @property {number} width
 * @property {number} height
 * @property {Uint8Array<ArrayBuffer>} samples (height, width, 3)
 */

/**
 * @typedef {{kind: "train", task: Task, ports: MessagePort[], gpu: MessagePort | null}
 *   | {kind: "help" | "helpWithGpu", task: Task, port: MessagePort}
 *   | {kind: "stop"} | {kind: "goOn"}} Request
 */

/**
 * A snapshot with what is known of the fit, or the end of a fit.
 *
 * @typedef {{kind: "snapshot", file: Uint8Array<ArrayBuffer>, pixels: Uint8Array<ArrayBuffer>,
 *   psnr: number, steps: number, seconds: number, faster: "gpu" | "threads" | null,
 *   isLast: boolean}
 *   | {kind: "failed", message: string}} Report
 */

const CHANNELS = 3;
const FIRST_SNAPSHOT = 0.2; // seconds
const SHARE = 6; // steps take so many times as long as snapshots,
const LONGEST_WAIT = 2; // but no more seconds than this
const BREATH = 0.05; // seconds between two looks for a request

/** @type {Fit | null} */
let fit = null;

self.onmessage = ({ data }) => answer(data);

/** @param {Request} request */
function answer(request) {
  if (request.kind === "help") {
    const { network, target } = partsOf(request.task);
    help(request.port, computeWith(network, kernelsOf(network.layout.size), target));
  } else if (request.kind === "helpWithGpu") {
    helpWithGpu(request.port, request.task);
  } else if (request.kind === "train") {
    const { network, target } = partsOf(request.task);
    fit = new Fit(new Trainer(network, kernelsOf, target, request.ports, request.gpu));
    run(fit);
  } else if (request.kind === "stop") {
    fit?.stop();
  } else if (fit) {
    run(fit);
  }
}

/** @param {Fit} wanted */
async function run(wanted) {
  try {
    await wanted.run();
  } catch (error) {
    self.postMessage({ kind: "failed", message: String(error) });
  }
}

/**
 * Help if there is a GPU; the first gradient compiles its shaders.
 *
 * @param {MessagePort} port
 * @param {Task} task
 */
async function helpWithGpu(port, task) {
  const { gpu } = /** @type {any} */ (navigator);
  const adapter = await gpu?.requestAdapter();
  if (adapter) {
    const { network, target } = partsOf(task);
    const gradients = new GpuGradients(await adapter.requestDevice(), network.spec, target);
    const weights = new Float32Array(network.parameters.count);
    await gradients.compute({ weights, lattice: everyPixel(1, 1) });
    help(port, (order) => gradients.compute(order));
  }
}

/** A fit in this worker. */
class Fit {
  /** @param {Trainer} trainer */
  constructor(trainer) {
    this.trainer = trainer;
    this.seconds = 0; // of all runs before
    this.isWanted = false;
    this.isRunning = false;
  }

  stop() {
    this.isWanted = false;
  }

  /** Take steps and snapshots until stopped; the last snapshot ends it. */
  async run() {
    this.isWanted = true;
    if (this.isRunning) {
      return;
    }
    this.isRunning = true;
    const start = now() - this.seconds;
    let due = now() + FIRST_SNAPSHOT;
    let breath = now();
    while (this.isWanted) {
      await this.trainer.step();
      if (now() >= due) {
        const before = now();
        this.report(now() - start, false);
        due = now() + Math.min(SHARE * (now() - before), LONGEST_WAIT);
      }
      if (now() >= breath) {
        await nextTurn();
        breath = now() + BREATH;
      }
    }
    this.seconds = now() - start;
    this.isRunning = false;
    this.report(this.seconds, true);
  }

  /**
   * @param {number} seconds
   * @param {boolean} isLast
   */
  report(seconds, isLast) {
    const { file, pixels, psnr } = this.trainer.snapshot();
    const { steps, shares } = this.trainer;
    const { faster } = shares;
    self.postMessage(
      { kind: "snapshot", file, pixels, psnr, steps, seconds, faster, isLast },
      { transfer: [file.buffer, pixels.buffer] },
    );
  }
}

/**
 * @param {Task} task
 * @returns {{network: Network, target: import("../network/colours.js").Target}}
 */
function partsOf({ family, dimHidden, numLayers, width, height, samples }) {
  const none = { numLevels: 0, finest: 0, chromaLevel: 0, dimContext: 0, dimCoarse: 0 };
  const sizes = { dimAxis: family === "gated" ? dimHidden : 0, dimHidden, numLayers };
  const picture = { width, height, dimOut: CHANNELS, prior: "", lmbdaIndex: 0 };
  const network = new Network(new Spec({ family, ...picture, ...sizes, ...none }));
  return { network, target: { width, channels: CHANNELS, samples } };
}

/**
 * @param {number} size of the memory in floats
 * @returns {import("../kernels/plain.js").Kernels}
 */
function kernelsOf(size) {
  return SimdKernels.isThere ? new SimdKernels(size) : new PlainKernels(size);
}

/** @returns {number} seconds */
function now() {
  return performance.now() / 1000;
}
