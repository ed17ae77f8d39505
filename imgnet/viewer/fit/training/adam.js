/** Adam: the running mean of gradients over the root of that of their squares. */

const LEAST = 1e-8; // added to the root

/** State of one tensor. */
export class Adam {
  /**
   * @param {number} size
   * @param {number} beta decay of both means
   */
  constructor(size, beta) {
    this.beta = beta;
    this.mean = new Float32Array(size);
    this.square = new Float32Array(size);
    this.remembered = 1; // part of the means that the zeros of the start still have
  }

  /**
   * Note a gradient and write the update, of about 1 at most.
   *
   * @param {Float32Array} gradient
   * @param {Float32Array} update may be the gradient
   */
  update(gradient, update) {
    const { beta, mean, square } = this;
    const news = 1 - beta;
    this.remembered *= beta;
    const scale = 1 / (1 - this.remembered);
    for (let i = 0; i < mean.length; i += 1) {
      const value = gradient[i];
      mean[i] += news * (value - mean[i]);
      square[i] += news * (value * value - square[i]);
      update[i] = (scale * mean[i]) / (Math.sqrt(scale * square[i]) + LEAST);
    }
  }
}
