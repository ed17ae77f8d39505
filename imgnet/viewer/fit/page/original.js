/** Original of a fit: the pixels of a picture that the browser reads. */

/** Larger pictures are scaled down to about so many pixels. */
export const MOST_PIXELS = 768 * 512;

/**
 * @typedef {Object} Original
 * @property {number} width
 * @property {number} height
 * @property {string} scaled "" or the size of the file, where that is larger
 * @property {Uint8Array<ArrayBuffer>} samples (height, width, 3), in sRGB; white shines through
 */

/**
 * Read a picture.
 *
 * @param {Blob} file
 * @returns {Promise<Original>}
 * @throws {Error} The browser cannot read it.
 */
export async function readOriginal(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("this browser cannot read it as a picture");
  });
  const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
  const [width, height] = [bitmap.width, bitmap.height].map((side) =>
    Math.max(1, Math.round(side * scale)),
  );
  const scaled = scale < 1 ? `${bitmap.width}x${bitmap.height}` : "";
  const rgba = drawn(bitmap, width, height);
  const samples = new Uint8Array(3 * width * height);
  samples.forEach((_, i) => (samples[i] = rgba[4 * Math.floor(i / 3) + (i % 3)]));
  return { width, height, scaled, samples };
}

/**
 * @param {ImageBitmap} bitmap
 * @param {number} width
 * @param {number} height
 * @returns {Uint8ClampedArray}
 */
function drawn(bitmap, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
