/** Kernels of a fit on a GPU: calls are noted, and run together. */

import { GROUP, moduleText, MOST_PARAMETERS, SHADERS } from "./shaders.js";

/** @typedef {import("../kernels/plain.js").Kernels} Kernels */

/** @typedef {{name: string, results: number, parameters: number[]}} Call */

const FLOAT = 4; // bytes
const ALIGNMENT = 256; // of the parameters of a call, in bytes
const MOST_CALLS = 512; // that run together
const MOST_GROUPS = 2 ** 15; // along one axis

/** @implements {Kernels} */
export class GpuKernels {
  /**
   * @param {any} device a GPUDevice
   * @param {number} size of the memory in floats
   */
  constructor(device, size) {
    this.device = device;
    /** What `upload` writes; the GPU has a memory of its own. */
    this.data = new Float32Array(size);
    /** @type {Call[]} */
    this._calls = [];
    // The numbers are those of GPUBufferUsage: storage 128, uniform 64, copies to 8, from 4.
    this._memory = device.createBuffer({ size: FLOAT * size, usage: 128 | 8 | 4 });
    this._parameters = device.createBuffer({ size: ALIGNMENT * MOST_CALLS, usage: 64 | 8 });
    const layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: 4, buffer: { type: "storage" } },
        { binding: 1, visibility: 4, buffer: { type: "uniform", hasDynamicOffset: true } },
      ],
    });
    const parameters = { buffer: this._parameters, size: FLOAT * MOST_PARAMETERS };
    this._bindings = device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: this._memory } },
        { binding: 1, resource: parameters },
      ],
    });
    const module = device.createShaderModule({ code: moduleText() });
    const pipelineLayout = device.createPipelineLayout({ bindGroupLayouts: [layout] });
    this._pipelines = new Map(
      Object.keys(SHADERS).map((entryPoint) => {
        const compute = { module, entryPoint };
        return [entryPoint, device.createComputePipeline({ layout: pipelineLayout, compute })];
      }),
    );
  }

  /**
   * Write a part of `data` into the memory of the GPU.
   *
   * @param {number} at
   * @param {number} count
   */
  upload(at, count) {
    this.device.queue.writeBuffer(this._memory, FLOAT * at, this.data, at, count);
  }

  /**
   * Run all calls, and return parts of the memory after them.
   *
   * @param {[number, number][]} parts places and counts of floats
   * @returns {Promise<Float32Array[]>}
   */
  async run(parts) {
    const { device } = this;
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const parameters = new Uint32Array((this._calls.length * ALIGNMENT) / FLOAT);
    this._calls.forEach(({ name, results, parameters: own }, i) => {
      parameters.set([results, ...own], (i * ALIGNMENT) / FLOAT);
      const groups = SHADERS[name].code ? Math.ceil(results / GROUP) : results;
      pass.setPipeline(this._pipelines.get(name));
      pass.setBindGroup(0, this._bindings, [i * ALIGNMENT]);
      pass.dispatchWorkgroups(Math.min(groups, MOST_GROUPS), Math.ceil(groups / MOST_GROUPS));
    });
    pass.end();
    this._calls = [];
    device.queue.writeBuffer(this._parameters, 0, parameters);
    const total = parts.reduce((sum, [, count]) => sum + count, 0);
    const copy = device.createBuffer({ size: FLOAT * total, usage: 1 | 8 }); // read by the CPU
    let offset = 0;
    for (const [at, count] of parts) {
      encoder.copyBufferToBuffer(this._memory, FLOAT * at, copy, offset, FLOAT * count);
      offset += FLOAT * count;
    }
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(1);
    const all = new Float32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    let start = 0;
    return parts.map(([, count]) => all.subarray(start, (start += count)));
  }

  /**
   * @param {string} name of a shader
   * @param {number} results
   * @param {number[]} parameters
   */
  call(name, results, ...parameters) {
    this._calls.push({ name, results, parameters });
  }

  /** @type {Kernels["product"]} */
  product(matrix, stride, rows, inputs, x, out, pixels) {
    this.call("product", rows * pixels, matrix, stride, inputs, x, out, pixels);
  }

  /** @type {Kernels["outer"]} */
  outer(gradient, rows, x, inputs, sum, stride, pixels) {
    this.call("outer", rows * inputs, gradient, x, inputs, sum, stride, pixels);
  }

  /** @type {Kernels["rowSums"]} */
  rowSums(x, rows, pixels, sum) {
    this.call("rowSums", rows, x, pixels, sum);
  }

  /** @type {Kernels["leaky"]} */
  leaky(x, count) {
    this.call("leaky", count, x);
  }

  /** @type {Kernels["leakyBack"]} */
  leakyBack(out, gradient, count) {
    this.call("leakyBack", count, out, gradient);
  }

  /** @type {Kernels["gate"]} */
  gate(stacked, shift, units, pixels, kept, out) {
    const size = units * pixels;
    this.call("gate", size, stacked, shift, size, pixels, kept, out);
  }

  /** @type {Kernels["gateBack"]} */
  gateBack(stacked, kept, units, pixels, gradient, toStacked) {
    const size = units * pixels;
    this.call("gateBack", size, stacked, kept, size, gradient, toStacked);
  }

  /** @type {Kernels["add"]} */
  add(x, out, count) {
    this.call("add", count, x, out);
  }

  /** @type {Kernels["addTimes"]} */
  addTimes(x, factor, out, count) {
    this.call("addTimes", count, x, factor, out);
  }

  /** @type {Kernels["addDot"]} */
  addDot(one, other, count, sum) {
    this.call("addDot", 1, one, other, count, sum);
  }

  /** @type {Kernels["spread"]} */
  spread(columns, width, rows, stride, units, height, out) {
    this.call("spread", units * height * width, columns, width, rows, stride, height, out);
  }

  /** @type {Kernels["collect"]} */
  collect(gradient, units, height, toColumns, width, toRows, stride) {
    this.call("collectColumns", units * width, gradient, height, toColumns, width);
    this.call("collectRows", units * height, gradient, height, width, toRows, stride);
  }

  /** @type {Kernels["clear"]} */
  clear(at, count) {
    this.call("clear", count, at);
  }

  /** @type {Kernels["copy"]} */
  copy(from, to, count) {
    this.call("copy", count, from, to);
  }

  /** @type {Kernels["fillRows"]} */
  fillRows(values, rows, pixels, out) {
    this.call("fillRows", rows * pixels, values, pixels, out);
  }

  /** @type {Kernels["transpose"]} */
  transpose(matrix, stride, rows, inputs, out) {
    this.call("transpose", rows * inputs, matrix, stride, rows, inputs, out);
  }

  /** @type {Kernels["gather"]} */
  gather(table, rows, length, { start, stride, count }, out, pixels) {
    this.call("gather", rows * pixels, table, length, start, stride, count, out, pixels);
  }
}
