/** Drawing of tiles: their series at the pixels of the screen. */

import { SLOT, TILE } from "./network.js";
import { Program } from "./program.js";
import { LARGEST } from "./tiles.js";

/** @typedef {import("../page/stage.js").Sight} Sight */
/** @typedef {import("./network.js").Picture} Picture */
/** @typedef {import("./tiles.js").KeptTile} KeptTile */

// The mean of the series over the footprint of a pixel of the screen. At larger scales than the
// prior was trained for, footprints overlap, which hides the edges between native pixels.
const FRAGMENTS = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2DArray;
uniform sampler2DArray series, picture;
uniform vec2 corner, scale;
uniform float screenHeight;
uniform ivec2 shift;
uniform bool isGrey;
out vec4 colour;

vec4 integral(float edge) {
  float u = clamp(edge, 0.0, 1.0);
  vec3 frequency = 3.14159265 * vec3(1, 2, 3);
  return vec4(u, sin(frequency * u) / frequency);
}
vec3 integralOver(ivec2 pixel, vec2 low, vec2 high) {
  vec4 across = integral(high.x - float(pixel.x)) - integral(low.x - float(pixel.x));
  vec4 down = integral(high.y - float(pixel.y)) - integral(low.y - float(pixel.y));
  vec3 sum = texelFetch(picture, ivec3(pixel, 0), 0).rgb * across.x * down.x;
  for (int i = 0; i < 12 && across.x * down.x > 0.0; i++) {
    sum[i / 4] += down[i % 4] * dot(across, texelFetch(series, ivec3(pixel + shift, i), 0));
  }
  return sum;
}
void main() {
  vec2 position = (vec2(gl_FragCoord.x, screenHeight - gl_FragCoord.y) - corner) / scale;
  vec2 size = vec2(textureSize(picture, 0));
  vec2 low = max(position - 0.5 / min(scale, ${LARGEST}.0), 0.0);
  vec2 high = min(position + 0.5 / min(scale, ${LARGEST}.0), size);
  vec3 sum = vec3(0);
  for (int y = int(low.y); float(y) < high.y; y++) {
    for (int x = int(low.x); float(x) < high.x; x++) {
      sum += integralOver(ivec2(x, y), low, high);
    }
  }
  sum /= (high.x - low.x) * (high.y - low.y);
  colour = vec4(isGrey ? vec3(dot(sum, vec3(1)) / 3.0) : sum, 1);
}`;

/** What draws over a bicubic enlargement. */
export class Drawing {
  /**
   * @param {WebGL2RenderingContext} gl
   * @returns {Drawing | null} null where the shaders do not compile
   */
  static create(gl) {
    const program = Program.create(gl, FRAGMENTS);
    return program && new Drawing(gl, program);
  }

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Program} program
   */
  constructor(gl, program) {
    this._gl = gl;
    this._program = program;
  }

  /**
   * Replace the colours below, and keep their opacity.
   *
   * @param {Sight} sight
   * @param {Picture} picture
   * @param {WebGLTexture} series
   * @param {KeptTile[]} tiles
   */
  draw(sight, picture, series, tiles) {
    const { _gl: gl, _program: program } = this;
    const scale = [sight.across / picture.size[0], sight.down / picture.size[1]];
    program.use();
    gl.uniform1i(program.place("picture"), 1);
    gl.uniform2f(program.place("corner"), sight.x, sight.y);
    gl.uniform2fv(program.place("scale"), scale);
    gl.uniform1f(program.place("screenHeight"), sight.height);
    gl.uniform1i(program.place("isGrey"), Number(picture.isGrey));
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, picture.texture);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, series);
    gl.enable(gl.BLEND);
    gl.blendFuncSeparate(gl.DST_ALPHA, gl.ZERO, gl.ZERO, gl.ONE);
    gl.enable(gl.SCISSOR_TEST);
    const width = Math.min(sight.wipe, sight.width);
    for (const { place, slot } of tiles) {
      const [left, right] = pixelsOf(place[0], sight.x, scale[0], width);
      const [top, bottom] = pixelsOf(place[1], sight.y, scale[1], sight.height);
      gl.scissor(left, sight.height - bottom, right - left, bottom - top);
      const shift = slot.map((at, axis) => SLOT * at + 1 - TILE * place[axis]);
      gl.uniform2iv(program.place("shift"), shift);
      program.run();
    }
    gl.disable(gl.SCISSOR_TEST);
    gl.disable(gl.BLEND);
  }
}

/**
 * Return the pixels of the screen whose middle is in a tile.
 *
 * @param {number} index of the tile on an axis
 * @param {number} corner of the picture
 * @param {number} scale
 * @param {number} length of the screen
 * @returns {[number, number]} the first and the one behind the last
 */
function pixelsOf(index, corner, scale, length) {
  const pixel = (/** @type {number} */ tile) =>
    Math.min(Math.max(Math.ceil(corner + TILE * tile * scale - 0.5), 0), length);
  return [pixel(index), pixel(index + 1)];
}
