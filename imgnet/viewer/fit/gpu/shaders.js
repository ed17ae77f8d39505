/**
 * Shaders of the kernels in WGSL, by name: what each thread, or each workgroup, computes.
 *
 * A shader of one thread a result has `code` for the result `i`. One of a workgroup a result has a
 * `term` for the summand `k` of it, and adds the sum of `count` terms to the float at `to`.
 */

/**
 * @typedef {Object} Shader
 * @property {string[]} parameters whole numbers
 * @property {string} [code]
 * @property {string} [term]
 * @property {string} [count]
 * @property {string} [to]
 */

export const GROUP = 64; // threads of a workgroup
export const MOST_PARAMETERS = 16;

const C0 = 2 * Math.sqrt(2 / Math.PI);
const C1 = C0 * 0.044715;

/** @type {Record<string, Shader>} */
export const SHADERS = {
  product: {
    parameters: ["matrix", "stride", "inputs", "x", "out", "pixels"],
    code: `
      let row = i / pixels;
      var sum = data[out + i];
      for (var input = 0u; input < inputs; input++) {
        sum += data[matrix + input * stride + row] * data[x + input * pixels + i % pixels];
      }
      data[out + i] = sum;`,
  },
  outer: {
    parameters: ["gradient", "x", "inputs", "sum", "stride", "pixels"],
    term: "data[gradient + i / inputs * pixels + k] * data[x + i % inputs * pixels + k]",
    count: "pixels",
    to: "sum + i / inputs * stride + i % inputs",
  },
  rowSums: {
    parameters: ["x", "pixels", "sum"],
    term: "data[x + i * pixels + k]",
    count: "pixels",
    to: "sum + i",
  },
  addDot: {
    parameters: ["one", "other", "count", "sum"],
    term: "data[one + k] * data[other + k]",
    count: "count",
    to: "sum",
  },
  leaky: { parameters: ["x"], code: "data[x + i] = max(data[x + i], 0.1 * data[x + i]);" },
  leakyBack: {
    parameters: ["out", "gradient"],
    code: "data[gradient + i] *= select(0.1, 1.0, data[out + i] > 0);",
  },
  gate: {
    parameters: ["stacked", "shift", "size", "pixels", "kept", "out"],
    code: `
      let s = sigmoid(2 * data[stacked + i] * data[stacked + size + i]);
      let h = (2 * s - 1) * data[stacked + 2 * size + i] + data[shift + i / pixels];
      let t = sigmoid(h * (${C0} + ${C1} * h * h));
      data[kept + i] = s;
      data[kept + size + i] = h;
      data[kept + 2 * size + i] = t;
      data[out + i] = h * t;`,
  },
  gateBack: {
    parameters: ["stacked", "kept", "size", "gradient", "toStacked"],
    code: `
      let s = data[kept + i];
      let h = data[kept + size + i];
      let t = data[kept + 2 * size + i];
      let toH = data[gradient + i] * (t + h * t * (1 - t) * (${C0} + ${3 * C1} * h * h));
      let toProduct = toH * data[stacked + 2 * size + i] * 4 * s * (1 - s);
      data[toStacked + i] = toProduct * data[stacked + size + i];
      data[toStacked + size + i] = toProduct * data[stacked + i];
      data[toStacked + 2 * size + i] = toH * (2 * s - 1);
      data[gradient + i] = toH;`,
  },
  add: { parameters: ["x", "out"], code: "data[out + i] += data[x + i];" },
  addTimes: {
    parameters: ["x", "factor", "out"],
    code: "data[out + i] += data[factor] * data[x + i];",
  },
  spread: {
    parameters: ["columns", "width", "rows", "stride", "height", "out"],
    code: `
      let unit = i / (width * height);
      let row = rows + unit * stride + i / width % height;
      data[out + i] = data[columns + unit * width + i % width] + data[row];`,
  },
  collectColumns: {
    parameters: ["gradient", "height", "toColumns", "width"],
    code: `
      let first = gradient + i / width * width * height + i % width;
      for (var y = 0u; y < height; y++) {
        data[toColumns + i] += data[first + y * width];
      }`,
  },
  collectRows: {
    parameters: ["gradient", "height", "width", "toRows", "stride"],
    term: "data[gradient + i * width + k]",
    count: "width",
    to: "toRows + i / height * stride + i % height",
  },
  clear: { parameters: ["at"], code: "data[at + i] = 0;" },
  copy: { parameters: ["origin", "to"], code: "data[to + i] = data[origin + i];" },
  fillRows: {
    parameters: ["values", "pixels", "out"],
    code: "data[out + i] = data[values + i / pixels];",
  },
  transpose: {
    parameters: ["matrix", "stride", "rows", "inputs", "out"],
    code: `
      let value = data[matrix + i / inputs * stride + i % inputs];
      data[out + i % inputs * rows + i / inputs] = value;`,
  },
  gather: {
    parameters: ["table", "length", "start", "stride", "count", "out", "pixels"],
    code: `
      let column = i % pixels;
      let x = table + i / pixels * length + start + column * stride;
      data[out + i] = select(0.0, data[min(x, arrayLength(&data) - 1)], column < count);`,
  },
  errorGradient: {
    parameters: [
      "out",
      "first",
      "width",
      "height",
      "originX",
      "strideX",
      "columns",
      "originY",
      "strideY",
      "samples",
      "length",
      "channels",
      "errors",
    ],
    code: `
      let channel = i / (width * height);
      let column = i % width;
      let x = originX + min(column, columns - 1) * strideX;
      let y = originY + (first + i / width % height) * strideY;
      let value = sigmoid(data[out + i]);
      let error = value - data[samples + (y * length + x) * channels + channel];
      let isInside = column < columns;
      data[out + i] = select(0.0, 2 * error * value * (1 - value), isInside);
      data[errors + i] = select(0.0, error * error, isInside);`,
  },
};

/**
 * Return the module of all shaders; each is the entry point of its name.
 *
 * @returns {string}
 */
export function moduleText() {
  const head = `
    @group(0) @binding(0) var<storage, read_write> data: array<f32>;
    @group(0) @binding(1) var<uniform> given: array<vec4u, ${MOST_PARAMETERS / 4}>;
    var<workgroup> parts: array<f32, ${GROUP}>;
    fn sigmoid(x: f32) -> f32 { return 1 / (1 + exp(clamp(-x, -80, 80))); }`;
  return [head, ...Object.entries(SHADERS).map(entryPoint)].join("\n");
}

/**
 * @param {[string, Shader]} named
 * @returns {string}
 */
function entryPoint([name, { parameters, code, term, count, to }]) {
  const lets = ["results", ...parameters].map(
    (parameter, j) => `let ${parameter} = given[${j >> 2}].${"xyzw"[j & 3]};`,
  );
  const body = code
    ? `let i = (group.y * groups.x + group.x) * ${GROUP} + thread;
      if (i >= results) { return; }
      ${code}`
    : `let i = group.y * groups.x + group.x;
      var part = 0.0;
      for (var k = thread; k < ${count} && i < results; k += ${GROUP}) { part += ${term}; }
      parts[thread] = part;
      workgroupBarrier();
      for (var half = ${GROUP / 2}u; half > 0; half /= 2) {
        if (thread < half) { parts[thread] += parts[thread + half]; }
        workgroupBarrier();
      }
      if (thread == 0 && i < results) { data[${to}] += parts[0]; }`;
  return `
    @compute @workgroup_size(${GROUP})
    fn ${name}(
      @builtin(workgroup_id) group: vec3u,
      @builtin(num_workgroups) groups: vec3u,
      @builtin(local_invocation_index) thread: u32,
    ) {
      ${lets.join("\n      ")}
      ${body}
    }`;
}
