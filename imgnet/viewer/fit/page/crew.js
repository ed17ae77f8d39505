/** Crew of workers that fit one picture: a trainer, and helpers, one of which may have a GPU. */

/** @typedef {import("../training/worker.js").Report} Report */
/** @typedef {import("../training/worker.js").Task} Task */

const MOST_THREADS = 8; // more would wait for each other

/** @returns {number} workers this machine has room for */
export function numThreads() {
  return Math.max(1, Math.min(navigator.hardwareConcurrency ?? 1, MOST_THREADS));
}

/** Workers that fit until they are closed. */
export class Crew {
  /**
   * @param {string} script of the workers
   * @param {Task} task
   * @param {(report: Report) => void} onReport
   */
  constructor(script, task, onReport) {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    this._workers = Array.from({ length: numThreads() + 1 }, () => new Worker(address));
    URL.revokeObjectURL(address);
    const [trainer, withGpu, ...helpers] = this._workers;
    const gpu = hire(withGpu, "helpWithGpu", task);
    const ports = helpers.map((helper) => hire(helper, "help", task));
    trainer.onmessage = ({ data }) => onReport(data);
    trainer.onerror = (event) => onReport({ kind: "failed", message: event.message });
    trainer.postMessage({ kind: "train", task, ports, gpu }, [gpu, ...ports]);
    this._trainer = trainer;
  }

  /** Take a last snapshot and wait. */
  stop() {
    this._trainer.postMessage({ kind: "stop" });
  }

  /** Take steps again. */
  goOn() {
    this._trainer.postMessage({ kind: "goOn" });
  }

  /** End all workers, whatever they do. */
  close() {
    this._workers.forEach((worker) => worker.terminate());
  }
}

/**
 * Have a worker help another one.
 *
 * @param {Worker} worker
 * @param {"help" | "helpWithGpu"} kind
 * @param {Task} task
 * @returns {MessagePort} for the other one
 */
function hire(worker, kind, task) {
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ kind, task, port: port2 }, [port2]);
  return port1;
}
