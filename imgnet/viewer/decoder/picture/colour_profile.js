/** Colours of pictures with an ICC profile, which the browser converts to those of the screen. */

import { eightBits, toRgba } from "./picture.js";
import { encodePng } from "./png.js";

/** @typedef {import("./picture.js").Picture} Picture */

/**
 * Return red, green, blue and opacity of each pixel in 8 bits of sRGB.
 *
 * @param {Picture} picture
 * @param {Uint8Array | undefined} icc profile of its colours; without one they are sRGB
 * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>}
 */
export async function toSrgb(picture, icc) {
  if (!icc) {
    return toRgba(picture);
  }
  const { width, height } = picture;
  // The browser converts pictures that it reads, and a PNG holds pixels and profile as they are.
  const inEightBits = { ...picture, depth: 8, samples: eightBits(picture.samples) };
  const png = await encodePng(inEightBits, new Map([["icc", icc]]));
  const context = new OffscreenCanvas(width, height).getContext("2d");
  if (!context) {
    return toRgba(picture);
  }
  context.drawImage(await createImageBitmap(png), 0, 0);
  return context.getImageData(0, 0, width, height).data;
}
