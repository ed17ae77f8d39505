/** Base64 of what a page holds. */

/**
 * @param {string} text in base64
 * @returns {ArrayBuffer}
 */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
}

/**
 * @param {string} text in base64, of the format of zlib
 * @returns {Promise<string>}
 */
export function inflated(text) {
  return inflation(text).text();
}

/**
 * @param {string} text in base64, of the format of zlib
 * @returns {Promise<ArrayBuffer>}
 */
export function inflatedBytes(text) {
  return inflation(text).arrayBuffer();
}

/**
 * @param {string} text in base64, of the format of zlib
 * @returns {Response}
 */
function inflation(text) {
  const stream = new Blob([bytesOf(text)]).stream();
  return new Response(stream.pipeThrough(new DecompressionStream("deflate")));
}
