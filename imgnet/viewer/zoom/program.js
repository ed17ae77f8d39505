/** Program of the GPU that computes each pixel of a rectangle by itself. */

// A triangle that covers the viewport.
const VERTICES = `#version 300 es
void main() {
  gl_Position = vec4(4 * (gl_VertexID & 1) - 1, 2 * (gl_VertexID & 2) - 1, 0, 1);
}`;

/** A program of WebGL2 and the places of its uniforms. */
export class Program {
  /**
   * @param {WebGL2RenderingContext} gl
   * @param {string} fragments source of its fragment shader
   * @returns {Program | null} null where the shaders do not compile
   */
  static create(gl, fragments) {
    const program = gl.createProgram();
    /** @type {[number, string][]} */
    const shaders = [
      [gl.VERTEX_SHADER, VERTICES],
      [gl.FRAGMENT_SHADER, fragments],
    ];
    for (const [kind, source] of shaders) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    return gl.getProgramParameter(program, gl.LINK_STATUS) ? new Program(gl, program) : null;
  }

  /**
   * @param {WebGL2RenderingContext} gl
   * @param {WebGLProgram} program
   */
  constructor(gl, program) {
    this._gl = gl;
    this._program = program;
    /** @type {Map<string, WebGLUniformLocation | null>} */
    this._places = new Map();
  }

  /** Make it the program that is run, and whose uniforms are set. */
  use() {
    this._gl.useProgram(this._program);
  }

  /** Compute all pixels of the viewport. */
  run() {
    this._gl.drawArrays(this._gl.TRIANGLES, 0, 3);
  }

  /**
   * @param {string} name of a uniform
   * @returns {WebGLUniformLocation | null}
   */
  place(name) {
    let place = this._places.get(name);
    if (place === undefined) {
      place = this._gl.getUniformLocation(this._program, name);
      this._places.set(name, place);
    }
    return place;
  }
}
