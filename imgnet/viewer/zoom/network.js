/** Network of the zoom prior on the GPU: from pixels to the cosine series of a tile of them. */

import { Planes } from "./planes.js";
import { Program } from "./program.js";
import { CHANNELS, layersOf, TERMS } from "./weights.js";

/** @typedef {import("./weights.js").Layer} Layer */
/** @typedef {[number, number]} Pair of a column and a row */

/**
 * A picture on the GPU, without transparent colours.
 *
 * @typedef {Object} Picture
 * @property {WebGLTexture} texture
 * @property {Pair} size
 * @property {boolean} isGrey
 */

/**
 * A tile of a picture, and where its series belong.
 *
 * @typedef {Object} Task
 * @property {Picture} picture
 * @property {Pair} tile
 * @property {number} logScale logarithm of the scale to the base 2
 * @property {Planes} series
 * @property {Pair} slot of these
 */

export const TILE = 64; // native pixels on a side
export const SLOT = TILE + 2; // with those around, which footprints at the edge overlap
export const MIRRORINGS = [
  [1, 1],
  [1, -1],
  [-1, 1],
  [-1, -1],
];

const MOST_MATRICES = 288; // of a pass: 3x3 places, 32 channels in, 16 out
const BLOCK = MOST_MATRICES * 64; // bytes
const WIDEST = 64; // channels between two layers

// One layer, 16 channels of it. A mirrored picture is one whose kernels are mirrored.
const FRAGMENTS = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2DArray;
layout(std140) uniform Weights { mat4 weights[${MOST_MATRICES}]; };
uniform sampler2DArray given;
uniform ivec2 shift, mirroring;
uniform int side, inputs, first;
uniform bool isResidual, isRectified;
uniform vec4 bias[4], gain[4];
layout(location = 0) out vec4 result0;
layout(location = 1) out vec4 result1;
layout(location = 2) out vec4 result2;
layout(location = 3) out vec4 result3;

vec4 at(ivec2 place, int plane) {
  ivec2 last = textureSize(given, 0).xy - 1;
  return texelFetch(given, ivec3(clamp(place, ivec2(0), last), plane), 0);
}
vec4 finished(int i, vec4 sum, ivec2 place) {
  vec4 own = isResidual ? at(place, first + i) : vec4(0);
  return own + gain[i] * (isRectified ? max(sum, 0.0) : sum);
}
void main() {
  ivec2 place = ivec2(gl_FragCoord.xy) + shift;
  vec4 sum0 = bias[0], sum1 = bias[1], sum2 = bias[2], sum3 = bias[3];
  int next = 0;
  for (int i = 0; i < side * side; i++) {
    ivec2 source = place + mirroring * (ivec2(i % side, i / side) - side / 2);
    for (int plane = 0; plane < inputs; plane++) {
      vec4 x = at(source, plane);
      sum0 += weights[next] * x;
      sum1 += weights[next + 1] * x;
      sum2 += weights[next + 2] * x;
      sum3 += weights[next + 3] * x;
      next += 4;
    }
  }
  result0 = finished(0, sum0, place);
  result1 = finished(1, sum1, place);
  result2 = finished(2, sum2, place);
  result3 = finished(3, sum3, place);
}`;

/** The network, with textures for what lies between its layers. */
export class ZoomNetwork {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Uint8Array} file
   * @returns {ZoomNetwork | null} null where the GPU cannot draw to floats or hold the weights
   */
  static create(gl, file) {
    const isAble =
      (gl.getExtension("EXT_color_buffer_float") ??
        gl.getExtension("EXT_color_buffer_half_float")) &&
      gl.getParameter(gl.MAX_UNIFORM_BLOCK_SIZE) >= BLOCK;
    const program = isAble ? Program.create(gl, FRAGMENTS) : null;
    return program && new ZoomNetwork(gl, program, layersOf(file));
  }

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {Program} program
   * @param {Layer[]} layers
   */
  constructor(gl, program, layers) {
    this._gl = gl;
    this._program = program;
    this._layers = layers;
    this._margin = layers.filter(({ isResidual }) => isResidual).length;
    const side = SLOT + 2 * this._margin;
    this._between = [0, 1].map(() => new Planes(gl, side, WIDEST / 4));
    this._weights = bufferOf(
      gl,
      layers.flatMap(({ passes }) => passes),
    );
  }

  /**
   * Compute the series of a tile and of the pixels around it for one of the mirrorings, and add it
   * to the mean over all.
   *
   * @param {Task} task
   * @param {number} index of the mirroring; the first one replaces what was there
   */
  run(task, index) {
    const { _gl: gl, _program: program } = this;
    program.use();
    gl.uniform2iv(program.place("mirroring"), MIRRORINGS[index]);
    gl.blendFunc(gl.ONE, gl.ONE);
    let block = 0; // of weights
    this._layers.forEach((layer, i) => {
      const isLast = i === this._layers.length - 1;
      const given = i ? this._between[(i - 1) % 2].texture : task.picture.texture;
      gl.bindTexture(gl.TEXTURE_2D_ARRAY, given);
      if (isLast && index) {
        gl.enable(gl.BLEND);
      }
      this._setPlace(i, task);
      const gain = isLast ? signs(MIRRORINGS[index]) : layer.gain;
      const bias = layer.bias.map((value, channel) => value + task.logScale * layer.slope[channel]);
      const { frames } = isLast ? task.series : this._between[i % 2];
      for (const pass of layer.passes.keys()) {
        gl.bindFramebuffer(gl.FRAMEBUFFER, frames[pass]);
        gl.bindBufferRange(gl.UNIFORM_BUFFER, 0, this._weights, block * BLOCK, BLOCK);
        this._setPass(layer, pass, bias, gain);
        program.run();
        block += 1;
      }
    });
    gl.disable(gl.BLEND);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  /**
   * Tell the GPU where a layer reads and writes.
   *
   * @param {number} index of the layer
   * @param {Task} task
   */
  _setPlace(index, { picture, tile, slot }) {
    const { _gl: gl, _margin: margin } = this;
    const inset = Math.min(index, margin); // further out, inputs lack
    const size = tile.map((at, axis) => Math.min(TILE, picture.size[axis] - TILE * at) + 2);
    const [width, height] = size.map((length) => length + 2 * (margin - inset));
    let corner = [inset, inset];
    let shift = index ? [0, 0] : tile.map((at) => TILE * at - 1 - margin);
    if (index === this._layers.length - 1) {
      corner = slot.map((at) => SLOT * at);
      shift = corner.map((at) => margin - at);
    }
    gl.viewport(corner[0], corner[1], width, height);
    gl.uniform2iv(this._program.place("shift"), shift);
  }

  /**
   * Tell the GPU what a pass computes.
   *
   * @param {Layer} layer
   * @param {number} pass of it
   * @param {Float32Array} bias of all channels
   * @param {Float32Array} gain
   */
  _setPass({ side, inputs, isResidual, isRectified }, pass, bias, gain) {
    const { _gl: gl, _program: program } = this;
    const [first, stop] = [CHANNELS * pass, CHANNELS * (pass + 1)];
    gl.uniform1i(program.place("side"), side);
    gl.uniform1i(program.place("inputs"), inputs);
    gl.uniform1i(program.place("first"), first / 4);
    gl.uniform1i(program.place("isResidual"), Number(isResidual));
    gl.uniform1i(program.place("isRectified"), Number(isRectified));
    gl.uniform4fv(program.place("bias"), bias.subarray(first, stop));
    gl.uniform4fv(program.place("gain"), gain.subarray(first, stop));
  }
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {Float32Array[]} passes
 * @returns {WebGLBuffer} a block of weights for each pass
 */
function bufferOf(gl, passes) {
  const weights = new Float32Array((passes.length * BLOCK) / 4);
  passes.forEach((matrices, i) => weights.set(matrices, (i * BLOCK) / 4));
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.UNIFORM_BUFFER, buffer);
  gl.bufferData(gl.UNIFORM_BUFFER, weights, gl.STATIC_DRAW);
  return buffer;
}

/**
 * Return the part of the series of a mirrored picture in the mean over all.
 *
 * @param {number[]} mirroring
 * @returns {Float32Array} a factor a channel; mirroring changes the sign of odd terms
 */
function signs([across, down]) {
  return Float32Array.from({ length: 3 * TERMS ** 2 }, (_, i) => {
    const [vertical, horizontal] = [Math.floor(i / TERMS) % TERMS, i % TERMS];
    return (across ** horizontal * down ** vertical) / MIRRORINGS.length;
  });
}
