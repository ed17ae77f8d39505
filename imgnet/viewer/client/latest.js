/** Jobs of which only the last that was asked for counts. */

/**
 * Return a function that does a job, and once more if it was called meanwhile.
 *
 * @param {() => Promise<void>} job
 * @returns {() => Promise<void>}
 */
export function latest(job) {
  let isRunning = false;
  let isAskedFor = false;
  return async () => {
    isAskedFor = true;
    while (isAskedFor && !isRunning) {
      isAskedFor = false;
      isRunning = true;
      await job().finally(() => (isRunning = false));
    }
  };
}
