/** Sizes of what kernels of coordinate networks take at a time. */

/** Positions in a row of numbers. */
export const TILE = 12;

/** Inputs that a layer takes at a time; the last ones may be zeros. */
export const INPUTS = 2;

/** Rows of weights in a group. */
export const ROWS = 3;

/** Numbers before the weights of a group: the biases of its rows, and the shift of its gate. */
export const HEAD = ROWS + 1;
