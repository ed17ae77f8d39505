/** Faults of a file, in the words of the command line. */

export const GET_AGAIN = "get the file again";
export const DAMAGED = `damaged; ${GET_AGAIN}`;

/** A file is not an .inr, is damaged, or needs what this decoder lacks. */
export class FormatError extends Error {}
