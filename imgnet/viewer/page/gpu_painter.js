/** Painter of what is visible of a picture, on the GPU (WebGL2). */

import { Program } from "../zoom/program.js";

/** @typedef {import("../decoder/worker.js").Shown} Shown */
/** @typedef {import("../zoom/enlarger.js").Enlarger} Enlarger */
/** @typedef {import("../zoom/loader.js").Creator} Creator */
/** @typedef {import("./stage.js").Sight} Sight */

// Colours are multiplied by opacity. The cubic is that of bicubic.js; below native size, a pixel of
// the screen is the mean of 4 x 4 samples of its area.
const FRAGMENTS = `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D picture;
uniform vec2 corner, scale;
uniform float screenHeight, wipe, lod;
uniform bool isSmooth;
out vec4 colour;

vec4 at(ivec2 place) {
  return texelFetch(picture, clamp(place, ivec2(0), textureSize(picture, 0) - 1), 0);
}
vec4 taps(float d) {
  return vec4(
    d * (d * (1.0 - 0.5 * d) - 0.5), d * d * (1.5 * d - 2.5) + 1.0,
    d * (d * (2.0 - 1.5 * d) + 0.5), d * d * (0.5 * d - 0.5));
}
vec4 bicubic(vec2 position) {
  vec2 first = floor(position - 0.5);
  vec4 across = taps(position.x - 0.5 - first.x);
  vec4 down = taps(position.y - 0.5 - first.y);
  vec4 sum = vec4(0);
  for (int y = 0; y < 4; y++) {
    for (int x = 0; x < 4; x++) {
      sum += across[x] * down[y] * at(ivec2(first) + ivec2(x, y) - 1);
    }
  }
  sum.a = clamp(sum.a, 0.0, 1.0);
  return vec4(clamp(sum.rgb, 0.0, sum.a), sum.a);
}
vec4 smoothed(vec2 position, vec2 size) {
  vec4 sum = vec4(0);
  for (int i = 0; i < 16; i++) {
    vec2 shift = (vec2(i & 3, i >> 2) - 1.5) / 4.0;
    sum += textureLod(picture, (position + shift / scale) / size, lod);
  }
  return sum / 16.0;
}
void main() {
  vec2 size = vec2(textureSize(picture, 0));
  vec2 position = (vec2(gl_FragCoord.x, screenHeight - gl_FragCoord.y) - corner) / scale;
  if (any(lessThan(position, vec2(0))) || any(greaterThanEqual(position, size))) {
    colour = vec4(0);
  } else if (isSmooth) {
    colour = smoothed(position, size);
  } else {
    colour = gl_FragCoord.x < wipe ? at(ivec2(position)) : bicubic(position);
  }
}`;

/** The counterpart of a `CpuPainter`. */
export class GpuPainter {
  /**
   * Return a painter, if there is WebGL2.
   *
   * @param {() => void} onLost called when the GPU has lost the picture
   * @returns {GpuPainter | null}
   */
  static create(onLost) {
    const canvas = document.createElement("canvas");
    const gl = canvas.getContext("webgl2", { antialias: false, depth: false });
    const program = gl && Program.create(gl, FRAGMENTS);
    return program && new GpuPainter(canvas, gl, program, onLost);
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {WebGL2RenderingContext} gl
   * @param {Program} program
   * @param {() => void} onLost
   */
  constructor(canvas, gl, program, onLost) {
    this.name = "webgl2";
    /** Whether what was painted last is as sharp as it gets. */
    this.isRefined = true;
    this._canvas = canvas;
    this._gl = gl;
    this._program = program;
    this._width = 1;
    this._height = 1;
    canvas.addEventListener("webglcontextlost", onLost);
    /** @type {Enlarger | null} */
    this._enlarger = null;
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, true);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /**
   * Draw with the zoom prior too, where the GPU can.
   *
   * @param {Creator} create
   * @param {() => void} onRefined called when there is more to paint
   */
  enlargeBy(create, onRefined) {
    this._enlarger = create(this._gl, onRefined);
  }

  /** @returns {boolean} whether it draws with the zoom prior */
  get hasEnlarger() {
    return Boolean(this._enlarger);
  }

  /**
   * Take a picture.
   *
   * @param {HTMLCanvasElement} pixels
   * @param {Shown} shown the same
   * @returns {boolean} whether the GPU holds it
   */
  load(pixels, shown) {
    const { _gl: gl } = this;
    const isFit = Math.max(pixels.width, pixels.height) <= gl.getParameter(gl.MAX_TEXTURE_SIZE);
    if (isFit) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
      gl.generateMipmap(gl.TEXTURE_2D);
      [this._width, this._height] = [pixels.width, pixels.height];
      this._enlarger?.load(shown);
    }
    return isFit && !gl.isContextLost();
  }

  /**
   * Paint what is visible.
   *
   * @param {Sight} sight
   * @returns {HTMLCanvasElement} of the size of the screen, transparent outside the picture
   */
  paint(sight) {
    const { _canvas: canvas, _gl: gl, _program: program } = this;
    const { width, height, x, y, across, down, isSmooth } = sight;
    const enlarger = sight.isSharp ? this._enlarger : null;
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
    }
    gl.viewport(0, 0, width, height);
    const scale = [across / this._width, down / this._height];
    program.use();
    gl.uniform2f(program.place("corner"), x, y);
    gl.uniform2f(program.place("scale"), scale[0], scale[1]);
    gl.uniform1f(program.place("screenHeight"), height);
    gl.uniform1f(program.place("wipe"), enlarger ? 0 : sight.wipe);
    gl.uniform1f(program.place("lod"), Math.max(0, Math.floor(-Math.log2(4 * scale[0]))));
    gl.uniform1i(program.place("isSmooth"), Number(isSmooth));
    program.run();
    this.isRefined = enlarger?.paint(sight) ?? true;
    return canvas;
  }
}
