/** PNG files of pictures: all their bits, and the metadata of the .inr file. */

import { crc32 } from "../crc32.js";

/** @typedef {import("./picture.js").Picture} Picture */

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPES = [0, 4, 2, 6]; // by the number of channels
const PAETH = 4; // the filter of every row

/**
 * Write a PNG.
 *
 * @param {Picture} picture
 * @param {Map<string, Uint8Array>} metadata "exif", "icc" and "xmp", where present
 * @returns {Promise<Blob>}
 */
export async function encodePng(picture, metadata) {
  const { width, height, channels, depth } = picture;
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, depth);
  header.setUint8(9, COLOUR_TYPES[channels - 1]);
  const chunks = [
    chunk("IHDR", new Uint8Array(header.buffer)),
    ...(await metadataChunks(metadata)),
    chunk("IDAT", await deflated(filtered(picture))),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob([Uint8Array.from(SIGNATURE), ...chunks], { type: "image/png" });
}

/**
 * @param {Map<string, Uint8Array>} metadata
 * @returns {Promise<Uint8Array<ArrayBuffer>[]>}
 */
async function metadataChunks(metadata) {
  const [icc, exif, xmp] = ["icc", "exif", "xmp"].map((name) => metadata.get(name));
  const chunks = [];
  if (icc) {
    chunks.push(chunk("iCCP", joined(ascii("ICC profile\0\0"), await deflated(icc))));
  }
  if (exif) {
    chunks.push(chunk("eXIf", exif));
  }
  if (xmp) {
    chunks.push(chunk("iTXt", joined(ascii("XML:com.adobe.xmp\0\0\0\0\0"), xmp)));
  }
  return chunks;
}

/**
 * @param {string} type
 * @param {Uint8Array} data
 * @returns {Uint8Array<ArrayBuffer>}
 */
function chunk(type, data) {
  const content = joined(ascii(type), data);
  return joined(bigEndian(data.length), content, bigEndian(crc32(content)));
}

/**
 * Return the rows of a picture, each behind the number of its filter.
 *
 * @param {Picture} picture
 * @returns {Uint8Array}
 */
function filtered({ width, height, channels, depth, samples }) {
  const step = (channels * depth) / 8; // bytes of a pixel
  const length = width * step;
  const bytes = depth === 16 ? swapped(samples) : /** @type {Uint8Array} */ (samples);
  const rows = new Uint8Array(height * (length + 1));
  const zeros = new Uint8Array(length);
  for (let y = 0; y < height; y += 1) {
    const row = bytes.subarray(y * length, (y + 1) * length);
    const above = y ? bytes.subarray((y - 1) * length, y * length) : zeros;
    const start = y * (length + 1);
    rows[start] = PAETH;
    for (let i = 0; i < length; i += 1) {
      const left = i < step ? 0 : row[i - step];
      const corner = i < step ? 0 : above[i - step];
      rows[start + 1 + i] = row[i] - paeth(left, above[i], corner);
    }
  }
  return rows;
}

/**
 * @param {number} left
 * @param {number} above
 * @param {number} corner
 * @returns {number} whichever is nearest to left + above - corner
 */
function paeth(left, above, corner) {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) {
    return left;
  }
  return toAbove <= toCorner ? above : corner;
}

/**
 * @param {Uint8Array | Uint16Array} samples
 * @returns {Uint8Array} their bytes, high ones first
 */
function swapped(samples) {
  const bytes = new Uint8Array(2 * samples.length);
  samples.forEach((sample, i) => {
    bytes[2 * i] = sample >> 8;
    bytes[2 * i + 1] = sample & 255;
  });
  return bytes;
}

/**
 * @param {Uint8Array} data
 * @returns {Promise<Uint8Array>} in the format of zlib
 */
async function deflated(data) {
  const blob = new Blob([/** @type {Uint8Array<ArrayBuffer>} */ (data)]);
  const stream = blob.stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * @param {number} value
 * @returns {Uint8Array}
 */
function bigEndian(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
function ascii(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * @param {Uint8Array[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
function joined(...parts) {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
