/** Loader of the enlarger, whose script a page holds deflated, together with its network. */

import { inflated, inflatedBytes } from "../client/base64.js";

/** @typedef {import("./enlarger.js").Enlarger} Enlarger */

/**
 * What the command writes into the page; both are deflated, in base64.
 *
 * @typedef {Object} Embedded
 * @property {string} script
 * @property {string} network
 */

/** @typedef {(gl: WebGL2RenderingContext, onRefined: () => void) => Enlarger | null} Creator */

/**
 * @param {Embedded} embedded
 * @returns {Promise<Creator | null>} null where the browser does not load the script
 */
export async function loadEnlarger({ script, network }) {
  const source = new Blob([await inflated(script)], { type: "text/javascript" });
  const address = URL.createObjectURL(source);
  try {
    /** @type {typeof import("./enlarger.js")} */
    const module = await import(address);
    const file = new Uint8Array(await inflatedBytes(network));
    return (gl, onRefined) => module.Enlarger.create(gl, file, onRefined);
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(address);
  }
}
