/** Assembler of WebAssembly modules: functions, one memory, exports. */

/** @typedef {(number | Code)[]} Code bytes of instructions, nested as they were put together */
/** @typedef {number} Type of a value, such as `I32` */
/** @typedef {(builder: FunctionBuilder, ...parameters: Local[]) => Code} Write of a function */

export const I32 = 0x7f;
export const F32 = 0x7d;
export const V128 = 0x7b;

const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const SECTIONS = { types: 1, imports: 2, functions: 3, memories: 5, exports: 7, codes: 10 };
const FUNCTION_TYPE = 0x60;
const FUNCTION = 0;
const MEMORY = 2;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const CALL = 0x10;
const END = 0x0b;

/** A module in the making. */
export class Module {
  constructor() {
    /** @type {FunctionBuilder[]} */
    this._functions = [];
    /** @type {Code[]} */
    this._imports = [];
    /** @type {Code[]} */
    this._memories = [];
    /** @type {Code[]} */
    this._exports = [];
  }

  /**
   * Take the memory from `imports[module][name]`.
   *
   * @param {string} module
   * @param {string} name
   * @param {number} pages of 64 KiB that it has at least
   */
  importMemory(module, name, pages) {
    this._imports.push([...nameOf(module), ...nameOf(name), MEMORY, 0, ...unsigned(pages)]);
  }

  /**
   * Have a memory and export it.
   *
   * @param {string} name
   * @param {number} pages of 64 KiB at first
   */
  exportMemory(name, pages) {
    this._memories.push([0, ...unsigned(pages)]);
    this._exports.push([...nameOf(name), MEMORY, 0]);
  }

  /**
   * Add a function that others of the module can call.
   *
   * @param {Type[]} parameters
   * @param {Type[]} results
   * @param {Write} write returns its body
   * @returns {FunctionBuilder}
   */
  addFunction(parameters, results, write) {
    const added = new FunctionBuilder(this._functions.length, parameters, results);
    this._functions.push(added);
    added.body = write(added, ...added.parameters);
    return added;
  }

  /**
   * Add a function and export it.
   *
   * @param {string} name
   * @param {Type[]} parameters
   * @param {Type[]} results
   * @param {Write} write returns its body
   * @returns {FunctionBuilder}
   */
  exportFunction(name, parameters, results, write) {
    const added = this.addFunction(parameters, results, write);
    this._exports.push([...nameOf(name), FUNCTION, ...unsigned(added.index)]);
    return added;
  }

  /** @returns {Uint8Array<ArrayBuffer>} the binary module */
  bytes() {
    const functions = this._functions;
    const code = [
      MAGIC_AND_VERSION,
      section(SECTIONS.types, functions.map((one) => one.type())),
      section(SECTIONS.imports, this._imports),
      section(SECTIONS.functions, functions.map((one) => unsigned(one.index))),
      section(SECTIONS.memories, this._memories),
      section(SECTIONS.exports, this._exports),
      section(SECTIONS.codes, functions.map((one) => one.code())),
    ];
    return Uint8Array.from(flat(code));
  }
}

/** A function of a module. */
export class FunctionBuilder {
  /**
   * @param {number} index in the module
   * @param {Type[]} parameters
   * @param {Type[]} results
   */
  constructor(index, parameters, results) {
    this.index = index;
    this.parameters = parameters.map((_, i) => new Local(i));
    /** @type {Code} */
    this.body = [];
    this._types = parameters;
    this._results = results;
    /** @type {Type[]} */
    this._locals = [];
  }

  /**
   * Add a local variable, which begins as 0.
   *
   * @param {Type} type
   * @returns {Local}
   */
  local(type) {
    this._locals.push(type);
    return new Local(this._types.length + this._locals.length - 1);
  }

  /**
   * Add several local variables of one type.
   *
   * @param {Type} type
   * @param {number} count
   * @returns {Local[]}
   */
  locals(type, count) {
    return Array.from({ length: count }, () => this.local(type));
  }

  /**
   * Return a call of the function.
   *
   * @param {Code[]} operands
   * @returns {Code}
   */
  call(...operands) {
    return [...operands, CALL, ...unsigned(this.index)];
  }

  /** @returns {Code} the entry of its type */
  type() {
    return [FUNCTION_TYPE, ...vector(this._types), ...vector(this._results)];
  }

  /** @returns {Code} the entry of its code */
  code() {
    const locals = vector(this._locals.map((type) => [1, type]));
    return sized([locals, this.body, END]);
  }
}

/** A parameter or local variable of a function. */
export class Local {
  /** @param {number} index */
  constructor(index) {
    /** @type {Code} its value, as an operand */
    this.get = [LOCAL_GET, ...unsigned(index)];
    this._index = index;
  }

  /**
   * @param {Code} value
   * @returns {Code}
   */
  set(value) {
    return [value, LOCAL_SET, ...unsigned(this._index)];
  }
}

/**
 * Return an unsigned integer in LEB128, seven bits a byte from the lowest.
 *
 * @param {number} value
 * @returns {number[]}
 */
export function unsigned(value) {
  const rest = Math.floor(value / 128);
  return rest ? [(value % 128) + 128, ...unsigned(rest)] : [value];
}

/**
 * Return an integer of 32 bits in signed LEB128.
 *
 * @param {number} value
 * @returns {number[]}
 */
export function signed(value) {
  const low = value & 127;
  const rest = value >> 7;
  const isLast = rest === (low & 64 ? -1 : 0);
  return isLast ? [low] : [low + 128, ...signed(rest)];
}

/**
 * @param {string} name of ASCII
 * @returns {number[]}
 */
function nameOf(name) {
  return [...unsigned(name.length), ...Array.from(name, (letter) => letter.charCodeAt(0))];
}

/**
 * @param {number} number
 * @param {Code[]} entries
 * @returns {Code} nothing where there are none
 */
function section(number, entries) {
  return entries.length ? [number, sized(vector(entries))] : [];
}

/**
 * @param {Code} entries
 * @returns {Code} them behind their number
 */
function vector(entries) {
  return [...unsigned(entries.length), ...entries];
}

/**
 * @param {Code} code
 * @returns {Code} it behind its length in bytes
 */
function sized(code) {
  const bytes = flat(code);
  return [unsigned(bytes.length), bytes];
}

/**
 * @param {Code} code
 * @returns {number[]}
 */
function flat(code) {
  return /** @type {any[]} */ (code).flat(Infinity);
}
