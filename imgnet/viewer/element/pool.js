/** Pool of workers, which all pictures of a page share. */

import { inflated } from "../client/base64.js";
import { Client } from "../client/client.js";

const MOST = 4;

/** @typedef {(client: Client) => Promise<void>} Job */

export class Pool {
  /**
   * @param {{worker: string, priors: import("../client/client.js").Embedded}} data of the module
   */
  constructor(data) {
    this._data = data;
    this._free = Math.min(MOST, navigator.hardwareConcurrency || 1);
    /** @type {Client[]} */
    this._idle = [];
    /** @type {Job[]} */
    this._waiting = [];
  }

  /**
   * Do a job as soon as a worker is free.
   *
   * @param {Job} job that never rejects
   */
  async run(job) {
    if (!this._free) {
      this._waiting.push(job);
      return;
    }
    this._free -= 1;
    const { worker, priors } = this._data;
    const client = this._idle.pop() ?? new Client(await inflated(worker), priors);
    await job(client);
    this._idle.push(client);
    this._free += 1;
    const next = this._waiting.shift();
    if (next) {
      this.run(next);
    }
  }
}
