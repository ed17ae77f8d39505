/**
 * Discretised logistic and Laplace distributions as tables of slots, the same on every machine.
 *
 * Table t is cumulative: symbol k owns the slots t[k] .. t[k + 1] - 1 of 2**16.
 */

export const TOTAL = 2 ** 16; // slots
export const NUM_SCALES = 76;
export const LOCATIONS = 32; // of a Laplace distribution between two integers
const NUM_DISTRIBUTIONS = 96;
const ONE = 1n << 62n;
const FINE = 20; // a Laplace distribution j decays in 1/32 as the zero-mean one j + 20 in 1/2
const WIDEST_DECAYS = [
  4602687609541841169n,
  4603433772482077392n,
  4604118113235951423n,
  4604745745892277133n,
  4605321362777405093n,
  4605849269033110099n,
  4606333414392382526n,
  4606777422374946751n,
];

/**
 * Return the largest K such that a zero-mean distribution codes -K..K.
 *
 * @param {number} distribution 0..95
 * @returns {number}
 */
export function support(distribution) {
  return eighthRoot(distribution + 8);
}

/**
 * Return the slots of the values 0..K under a zero-mean distribution; -k owns as many as k.
 *
 * @param {number} distribution 0..95
 * @returns {number[]}
 */
export function zeroMeanSlots(distribution) {
  const largest = support(distribution);
  const shared = BigInt(TOTAL - (2 * largest + 1));
  const decay = decayOf(distribution);
  /** @type {number[]} */
  const tails = [];
  let power = decay;
  for (let k = 0; k < largest; k += 1) {
    tails.push(largest - k + Number((shared * power) / (ONE + power)));
    power = (power * decay * decay) >> 124n;
  }
  tails.push(0);
  const outer = tails.slice(0, -1).map((tail, k) => tail - tails[k + 1]);
  return [TOTAL - 2 * tails[0], ...outer];
}

/**
 * Return the K of a Laplace distribution: it codes -K..K+1 from the whole part of the location.
 *
 * @param {number} scale 0..75
 * @returns {number}
 */
export function reach(scale) {
  return scale > 4 ? 1 + eighthRoot(scale - 4) : 3;
}

/** Tables of Laplace distributions, made when first asked for. */
class LaplaceTables {
  constructor() {
    /** @type {(Int32Array | undefined)[]} */
    this._tables = new Array(NUM_SCALES * LOCATIONS).fill(undefined);
    /** @type {(bigint[] | undefined)[]} */
    this._tails = new Array(NUM_SCALES).fill(undefined);
  }

  /**
   * Return a table; its last symbol is the escape.
   *
   * @param {number} scale 0..75
   * @param {number} fraction of the location, in 1/32
   * @returns {Int32Array}
   */
  of(scale, fraction) {
    const key = scale * LOCATIONS + fraction;
    return (this._tables[key] ??= this._make(scale, fraction));
  }

  /**
   * @param {number} scale
   * @param {number} fraction
   * @returns {Int32Array}
   */
  _make(scale, fraction) {
    const largest = reach(scale);
    const tails = (this._tails[scale] ??= tailsOf(scale));
    const shared = BigInt(TOTAL - 3 - 2 * largest);
    const table = new Int32Array(2 * largest + 4);
    for (let k = 1; k <= 2 * largest + 1; k += 1) {
      const m = LOCATIONS * (k - largest) - LOCATIONS / 2 - fraction;
      const below = m >= 0 ? ONE - tails[m] : tails[-m];
      table[k] = k + Number((shared * below) >> 62n);
    }
    table.set([TOTAL - 1, TOTAL], 2 * largest + 2);
    return table;
  }
}

/** Tables of all files. */
export const TABLES = new LaplaceTables();

/**
 * Return the part above m / 32, m = 0.. 32 (K + 1), in units of 2**-62.
 *
 * @param {number} scale
 * @returns {bigint[]}
 */
function tailsOf(scale) {
  const decay = decayOf(scale + FINE);
  const tails = [];
  let power = ONE;
  for (let m = 0; m <= LOCATIONS * (reach(scale) + 1); m += 1) {
    tails.push(power >> 1n);
    power = (power * decay) >> 62n;
  }
  return tails;
}

/**
 * @param {number} distribution
 * @returns {bigint} exp(-1 / (2 s)) in units of 2**-62
 */
function decayOf(distribution) {
  const steps = NUM_DISTRIBUTIONS - 1 - distribution;
  let decay = WIDEST_DECAYS[7 - (steps % 8)];
  for (let octave = Math.floor(steps / 8); octave > 0; octave -= 1) {
    decay = (decay * decay) >> 62n;
  }
  return decay;
}

/**
 * @param {number} power 0..103, for which no root is so near to an integer that rounding matters
 * @returns {number} the least k with k**8 >= 2**power
 */
function eighthRoot(power) {
  return Math.ceil(2 ** (power / 8));
}
