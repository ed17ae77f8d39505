/** Client of the worker that decodes files. */

/** @typedef {import("../decoder/worker.js").Facts} Facts */
/** @typedef {import("../decoder/grids/kept_grids.js").Omitted} Omitted */
/** @typedef {import("../decoder/worker.js").Rates} Rates */
/** @typedef {import("../decoder/worker.js").Reply} Reply */
/** @typedef {import("../decoder/worker.js").Request} Request */
/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {Record<string, import("../decoder/priors.js").EmbeddedPrior>} Embedded */

/**
 * @typedef {Object} Watcher
 * @property {(shown: Shown, size: {width: number, height: number}) => void} onPreview called with
 *   each coarse picture and the size of the whole one
 * @property {(done: number) => void} onProgress called with the part that is done
 */

/** A worker, which does one thing at a time. */
export class Client {
  /**
   * @param {string} script of the worker
   * @param {Embedded} priors
   */
  constructor(script, priors) {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this._worker = new Worker(address);
    URL.revokeObjectURL(address);
    this._post({ kind: "start", priors, script });
    /** @type {Promise<unknown>} settled when the worker is free */
    this._turn = Promise.resolve();
  }

  /**
   * Decode a file.
   *
   * @param {string} name for messages
   * @param {ArrayBuffer} data
   * @param {Watcher} watcher
   * @param {number} [neededWidth] below half the width of the picture, a coarser one may do
   * @returns {Promise<{shown: Shown, facts: Facts}>} rejected with the message of a fault
   */
  async decode(name, data, watcher, neededWidth) {
    const reply = await this._ask({ kind: "decode", name, data, neededWidth }, watcher);
    return /** @type {any} */ (reply);
  }

  /**
   * Render the picture that was decoded last, which is one of `grid`, without some of its parts.
   *
   * @param {Omitted} omitted
   * @param {Watcher} watcher
   * @returns {Promise<Shown>}
   */
  async render(omitted, watcher) {
    const reply = await this._ask({ kind: "render", omitted }, watcher);
    return /** @type {any} */ (reply).shown;
  }

  /**
   * Return the rate map of the picture that was decoded last, which is coded.
   *
   * @param {Uint8Array} ramp its colours from dark to bright, three samples each
   * @param {Watcher} watcher
   * @returns {Promise<Rates>}
   */
  async rates(ramp, watcher) {
    const reply = await this._ask({ kind: "rates", ramp }, watcher);
    return /** @type {any} */ (reply).rates;
  }

  /**
   * Return the picture that was decoded last as a PNG.
   *
   * @returns {Promise<Blob>}
   */
  async png() {
    const reply = await this._ask({ kind: "png" });
    return /** @type {any} */ (reply).file;
  }

  /** End the worker, whatever it does. */
  close() {
    this._worker.terminate();
  }

  /**
   * Ask the worker when it has answered all that it was asked before.
   *
   * @param {Request} request
   * @param {Watcher} [watcher]
   * @returns {Promise<Reply>}
   */
  _ask(request, watcher) {
    const answer = this._turn.then(() => this._answer(request, watcher));
    this._turn = answer.catch(() => {});
    return answer;
  }

  /**
   * @param {Request} request
   * @param {Watcher} [watcher]
   * @returns {Promise<Reply>}
   */
  _answer(request, watcher) {
    return new Promise((resolve, reject) => {
      this._worker.onerror = (event) => reject(new Error(event.message));
      this._worker.onmessage = ({ data: reply }) => {
        if (reply.kind === "preview") {
          watcher?.onPreview(reply.shown, reply.size);
        } else if (reply.kind === "progress") {
          watcher?.onProgress(reply.done);
        } else if (reply.kind === "error") {
          reject(new Error(reply.message));
        } else {
          resolve(reply);
        }
      };
      this._post(request);
    });
  }

  /** @param {Request} request */
  _post(request) {
    this._worker.postMessage(request);
  }
}
