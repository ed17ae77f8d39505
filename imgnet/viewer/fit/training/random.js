/** Random numbers of a fit, the same each time. */

/**
 * Return a generator of numbers in 0..1 (the linear congruential one of Knuth, its upper bits).
 *
 * @param {number} seed
 * @returns {() => number}
 */
export function randomNumbers(seed) {
  let state = BigInt(seed);
  return () => {
    state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
    return Number(state >> 32n) / 2 ** 32;
  };
}
