/** Crew of workers that share the bands of a picture of a coordinate network. */

import { nextTurn } from "../turn.js";

/** @typedef {import("./network.js").CoordinateNetwork} CoordinateNetwork */
/** @typedef {import("./network.js").Samples} Samples */

/**
 * What a member needs to render bands.
 *
 * @typedef {Object} Task
 * @property {import("../spec.js").Sizes} sizes
 * @property {import("../format/container.js").Parameters} parameters
 * @property {number} depth
 */

/**
 * What a member answers: that it is ready, a band, or that it cannot go on.
 *
 * @typedef {{kind: "ready"} | {kind: "band", band: number, samples: Samples}
 *   | {kind: "error", message: string}} MemberReply
 */

const MOST = 3; // members, besides the worker whose crew this is
const FEW_PRODUCTS = 2 ** 30; // that one worker computes while another starts
const AHEAD = 2; // bands that a member has, so that it need not wait

/** Workers with the script of this one. There are none where a page or browser forbids it. */
export class Crew {
  /** Script of this worker, which it cannot read itself. */
  static script = "";

  /** @param {Task} task */
  constructor(task) {
    /** @type {Map<Worker, Set<number>>} bands that each member has */
    this._members = new Map();
    /** @type {number[]} bands that nobody has */
    this._waiting = [];
    /** @type {(band: number, samples: Samples) => void} */
    this._onBand = () => {};
    this._wake = () => {};
    this._isAlone = true;
    for (let i = 0; i < numMembers(task); i += 1) {
      this._hire(task);
    }
  }

  /**
   * Render all bands, some of them in this worker.
   *
   * @param {CoordinateNetwork} network
   * @param {number} depth
   * @param {(band: number, samples: Samples) => void} onBand called with each, in any order
   */
  async render(network, depth, onBand) {
    this._waiting = [...Array(network.numBands).keys()];
    let left = network.numBands;
    this._onBand = (band, samples) => {
      left -= 1;
      onBand(band, samples);
    };
    this._members.forEach((bands, worker) => this._give(worker, bands));
    while (left) {
      const band = this._waiting.shift();
      if (band === undefined) {
        await new Promise((resolve) => (this._wake = () => resolve(null)));
      } else {
        this._onBand(band, network.render(band, depth));
        await this._hear();
      }
    }
  }

  /** End the members, whatever they do. */
  close() {
    this._members.forEach((_, worker) => worker.terminate());
    this._members.clear();
  }

  /** @param {Task} task */
  _hire(task) {
    try {
      // The address of this worker's script is not one for its workers where a page is a file.
      const address = URL.createObjectURL(new Blob([Crew.script], { type: "text/javascript" }));
      const worker = new Worker(address);
      URL.revokeObjectURL(address);
      this._isAlone = false;
      worker.onmessage = ({ data }) => this._onReply(worker, data);
      worker.onerror = (event) => {
        event.preventDefault();
        this._dismiss(worker);
      };
      worker.postMessage({ kind: "join", task });
    } catch {
      // This worker does all.
    }
  }

  /**
   * @param {Worker} worker
   * @param {MemberReply} reply
   */
  _onReply(worker, reply) {
    if (reply.kind === "error") {
      this._dismiss(worker);
      return;
    }
    const bands = this._members.get(worker) ?? new Set();
    this._members.set(worker, bands);
    if (reply.kind === "band") {
      bands.delete(reply.band);
      this._onBand(reply.band, reply.samples);
    }
    this._give(worker, bands);
    this._wake();
  }

  /**
   * @param {Worker} worker
   * @param {Set<number>} bands that it has
   */
  _give(worker, bands) {
    while (bands.size < AHEAD && this._waiting.length) {
      const band = /** @type {number} */ (this._waiting.shift());
      bands.add(band);
      worker.postMessage({ kind: "band", band });
    }
  }

  /**
   * End a member, and take its bands back.
   *
   * @param {Worker} worker
   */
  _dismiss(worker) {
    worker.terminate();
    this._waiting.push(...(this._members.get(worker) ?? []));
    this._members.delete(worker);
    this._wake();
  }

  /**
   * Let replies of members come in.
   *
   * @returns {Promise<void> | null} null when there is nobody to hear
   */
  _hear() {
    return this._isAlone ? null : nextTurn();
  }
}

/**
 * Return how many members are worth their start, besides this worker.
 *
 * @param {Task} task
 * @returns {number}
 */
function numMembers({ sizes, parameters }) {
  let weights = 0;
  parameters.forEach((tensor) => (weights += tensor.length));
  if (typeof Worker === "undefined" || weights * sizes.width * sizes.height < FEW_PRODUCTS) {
    return 0;
  }
  return Math.min(MOST, (navigator.hardwareConcurrency || 1) - 1);
}
