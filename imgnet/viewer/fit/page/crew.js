/** Crew of workers that fit one picture: a trainer, and helpers that share its steps. */

/** @typedef {import("../training/worker.js").Report} Report */
/** @typedef {import("../training/worker.js").Task} Task */

const MOST_THREADS = 8; // more would wait for each other

/** Workers this machine has room for. */
export function numThreads() {
  return Math.max(1, Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS));
}

export class Crew {
  /**
   * @param {string} script of the workers
   * @param {Task} task
   * @param {(report: Report) => void} onReport
   */
  constructor(script, task, onReport) {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this._workers = Array.from({ length: numThreads() }, () => new Worker(address));
    URL.revokeObjectURL(address);
    const [trainer, ...helpers] = this._workers;
    const channels = helpers.map(() => new MessageChannel());
    helpers.forEach((helper, i) => {
      helper.postMessage({ kind: "help", task, port: channels[i].port2 }, [channels[i].port2]);
    });
    const ports = channels.map(({ port1 }) => port1);
    trainer.onmessage = ({ data }) => onReport(data);
    trainer.onerror = (event) => onReport({ kind: "failed", message: event.message });
    trainer.postMessage({ kind: "train", task, ports }, ports);
    this._trainer = trainer;
  }

  /** Take a last snapshot and wait. */
  stop() {
    this._trainer.postMessage({ kind: "stop" });
  }

  goOn() {
    this._trainer.postMessage({ kind: "goOn" });
  }

  /** End all workers, whatever they do. */
  close() {
    this._workers.forEach((worker) => worker.terminate());
  }
}
