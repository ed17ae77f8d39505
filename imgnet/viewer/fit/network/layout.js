/** Layout of the memory that layers and kernels share: places of float32 arrays. */

const LANES = 4; // a place is a multiple of as many floats, so that vectors are aligned

/** Places are handed out before the memory is made. */
export class Layout {
  constructor() {
    /** Floats of the memory so far. */
    this.size = 0;
  }

  /**
   * Reserve memory.
   *
   * @param {number} count of floats
   * @returns {number} index of the first
   */
  reserve(count) {
    const at = this.size;
    this.size += LANES * Math.ceil(count / LANES);
    return at;
  }
}
