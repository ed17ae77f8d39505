/** CRC-32 of zlib and PNG. */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  }
  return value;
});

/**
 * Return the CRC-32 of bytes, continued from that of the bytes before them.
 *
 * @param {Uint8Array} bytes
 * @param {number} [before]
 * @returns {number} in 0..2**32 - 1
 */
export function crc32(bytes, before = 0) {
  let value = ~before;
  for (let i = 0; i < bytes.length; i += 1) {
    value = TABLE[(value ^ bytes[i]) & 0xff] ^ (value >>> 8);
  }
  return ~value >>> 0;
}
