/** Pool of workers, which all pictures of a page share. */

import { inflated } from "../client/base64.js";
import { Client } from "../client/client.js";

const MOST = 4;

/** Workers that are made when they are needed, and kept. */
export class Pool {
  /**
   * @param {{worker: string, priors: import("../client/client.js").Embedded}} data of the module
   */
  constructor(data) {
    this._data = data;
    this._free = Math.min(MOST, navigator.hardwareConcurrency || 1);
    /** @type {Client[]} */
    this._idle = [];
    /** @type {(() => void)[]} */
    this._waiting = [];
  }

  /**
   * Do a job as soon as a worker is free.
   *
   * @param {(client: Client) => Promise<void>} job
   */
  async run(job) {
    await this._turn();
    try {
      const { worker, priors } = this._data;
      const client = this._idle.pop() ?? new Client(await inflated(worker), priors);
      await job(client).finally(() => this._idle.push(client));
    } finally {
      const next = this._waiting.shift() ?? (() => (this._free += 1));
      next();
    }
  }

  /** @returns {Promise<void>} fulfilled when a worker is free, which is then taken */
  _turn() {
    if (this._free) {
      this._free -= 1;
      return Promise.resolve();
    }
    return new Promise((resolve) => this._waiting.push(resolve));
  }
}
