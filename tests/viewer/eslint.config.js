/** Rules for the JavaScript of the viewer; `tsc` checks names and types. */

import js from "@eslint/js";
import jsdoc from "eslint-plugin-jsdoc";

const STYLE = {
  "array-callback-return": "error",
  camelcase: ["error", { properties: "never" }], // JSON has names of Python
  curly: "error",
  "dot-notation": "error",
  eqeqeq: "error",
  "no-else-return": "error",
  "no-implicit-coercion": "error",
  "no-param-reassign": "error",
  "no-plusplus": "error",
  "no-shadow": "error",
  "no-throw-literal": "error",
  "no-undef": "off", // left to tsc, which knows the names of browsers
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-arrow-callback": "error",
  "prefer-const": "error",
  "prefer-template": "error",
};

const SIZE = {
  complexity: ["error", 12],
  "max-depth": ["error", 4],
  "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
  "max-nested-callbacks": ["error", 3],
};

const METHODS = "MethodDefinition[kind='method']";
const COMMENTS = {
  "jsdoc/check-alignment": "error",
  "jsdoc/check-param-names": "error",
  "jsdoc/check-tag-names": "error",
  "jsdoc/require-jsdoc": ["error", { publicOnly: true, contexts: ["ClassDeclaration", METHODS] }],
  "jsdoc/require-param": "error",
  "jsdoc/require-returns": ["error", { contexts: ["FunctionDeclaration", METHODS] }],
  "jsdoc/require-returns-check": "error",
  "jsdoc/valid-types": "error",
};

export default [
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: { jsdoc },
    settings: { jsdoc: { mode: "typescript" } },
    rules: { ...STYLE, ...SIZE, ...COMMENTS },
  },
];
