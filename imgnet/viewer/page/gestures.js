/** Gestures on the stage: wheel, drag, pinch and keyboard, as on a map. */

/** @typedef {import("./stage.js").Stage} Stage */

const ZOOM_STEP = 1.5; // of a key or a button
const PAN_STEP = 80; // pixels of the layout
const WHEEL_LINE = 16;

/**
 * Move the picture by pointers and keys.
 *
 * @param {HTMLElement} element that gets the gestures
 * @param {Stage} stage
 */
export function followGestures(element, stage) {
  element.addEventListener("wheel", (event) => zoomByWheel(event, element, stage), {
    passive: false,
  });
  element.addEventListener("dblclick", (event) => {
    stage.zoomTo(2 * stage.scale, ...placeOf(event, element));
  });
  followPointers(element, stage);
  window.addEventListener("keydown", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isPlain && !isSlider(event.target) && event.key in KEYS) {
      KEYS[event.key](stage);
      event.preventDefault();
    }
  });
}

/** @type {Record<string, (stage: Stage) => void>} */
export const KEYS = {
  "+": (stage) => stage.zoomTo(stage.scale * ZOOM_STEP),
  "=": (stage) => stage.zoomTo(stage.scale * ZOOM_STEP),
  "-": (stage) => stage.zoomTo(stage.scale / ZOOM_STEP),
  0: (stage) => stage.fit(),
  1: (stage) => stage.zoomTo(1),
  ArrowLeft: (stage) => stage.pan(PAN_STEP, 0),
  ArrowRight: (stage) => stage.pan(-PAN_STEP, 0),
  ArrowUp: (stage) => stage.pan(0, PAN_STEP),
  ArrowDown: (stage) => stage.pan(0, -PAN_STEP),
};

/**
 * @param {WheelEvent} event
 * @param {HTMLElement} element
 * @param {Stage} stage
 */
function zoomByWheel(event, element, stage) {
  event.preventDefault();
  const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? WHEEL_LINE : 1;
  const speed = event.ctrlKey ? 0.01 : 0.002; // pinches of touchpads are small steps with Ctrl
  const factor = Math.exp(-event.deltaY * lines * speed);
  stage.zoomTo(stage.scale * factor, ...placeOf(event, element));
}

/**
 * Drag with one pointer; pinch and drag with two.
 *
 * @param {HTMLElement} element
 * @param {Stage} stage
 */
function followPointers(element, stage) {
  /** @type {Map<number, [number, number]>} places of the pointers that are down */
  const places = new Map();
  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    places.set(event.pointerId, placeOf(event, element));
  });
  element.addEventListener("pointermove", (event) => {
    if (places.has(event.pointerId)) {
      const before = [...places.values()];
      places.set(event.pointerId, placeOf(event, element));
      follow(before, [...places.values()], stage);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    element.addEventListener(end, (event) => {
      places.delete(/** @type {PointerEvent} */ (event).pointerId);
    });
  }
}

/**
 * @param {[number, number][]} before places of one or two pointers
 * @param {[number, number][]} after
 * @param {Stage} stage
 */
function follow(before, after, stage) {
  const [x0, y0] = middleOf(before);
  const [x1, y1] = middleOf(after);
  stage.pan(x1 - x0, y1 - y0);
  if (before.length > 1) {
    const factor = distanceOf(after) / Math.max(distanceOf(before), 1);
    stage.zoomTo(stage.scale * factor, x1, y1);
  }
}

/**
 * @param {[number, number][]} places
 * @returns {[number, number]}
 */
function middleOf(places) {
  const sum = (/** @type {0 | 1} */ axis) => places.reduce((total, at) => total + at[axis], 0);
  return [sum(0) / places.length, sum(1) / places.length];
}

/**
 * @param {[number, number][]} places
 * @returns {number}
 */
function distanceOf([[x0, y0], [x1, y1]]) {
  return Math.hypot(x1 - x0, y1 - y0);
}

/**
 * @param {MouseEvent} event
 * @param {HTMLElement} element
 * @returns {[number, number]} its place in pixels of the screen
 */
function placeOf(event, element) {
  const { left, top } = element.getBoundingClientRect();
  const ratio = window.devicePixelRatio;
  return [(event.clientX - left) * ratio, (event.clientY - top) * ratio];
}

/**
 * @param {EventTarget | null} target
 * @returns {boolean}
 */
function isSlider(target) {
  return target instanceof HTMLInputElement && target.type === "range";
}
