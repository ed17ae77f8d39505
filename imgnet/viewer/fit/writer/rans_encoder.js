/** Symbols to bytes: the encoder of a range coder (rANS), whose decoder is `rans.js`. */

const LEAST_STATE = 2 ** 16;
const WORD = 2 ** 16;

/** A symbol as its interval of the 2**16 slots. */
/** @typedef {{start: number, width: number}} Interval */

/**
 * Write symbols; the coder is a stack, so the last comes first.
 *
 * @param {Interval[]} symbols
 * @returns {Uint8Array<ArrayBuffer>} the final state in 4 bytes, then words of 2
 */
export function encode(symbols) {
  let state = LEAST_STATE;
  const words = [];
  for (let i = symbols.length - 1; i >= 0; i -= 1) {
    const { start, width } = symbols[i];
    if (state >= width * WORD) {
      words.push(state % WORD);
      state = Math.floor(state / WORD);
    }
    state = Math.floor(state / width) * WORD + start + (state % width);
  }
  const bytes = new Uint8Array(4 + 2 * words.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, state, true);
  words.reverse().forEach((word, i) => view.setUint16(4 + 2 * i, word, true));
  return bytes;
}
