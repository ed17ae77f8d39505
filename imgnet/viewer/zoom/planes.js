/** Planes of four float16 channels on the GPU, in one texture. */

/** A texture, and framebuffers that draw to four of its planes each. */
export class Planes {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {number} side of a plane in pixels
   * @param {number} count a multiple of 4
   */
  constructor(gl, side, count) {
    this._gl = gl;
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA16F, side, side, count);
    this.frames = Array.from({ length: count / 4 }, (_, i) => this._frame(4 * i));
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  /**
   * @param {number} first plane
   * @returns {WebGLFramebuffer}
   */
  _frame(first) {
    const { _gl: gl, texture } = this;
    const frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    const places = [0, 1, 2, 3].map((i) => gl.COLOR_ATTACHMENT0 + i);
    places.forEach((place, i) => {
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, place, texture, 0, first + i);
    });
    gl.drawBuffers(places);
    return frame;
  }
}
