// The frame of every picture: bytes become arrays, a canvas keeps up with window, screen and theme.
// What is in the frame is drawn by the function of DRAW that the table names.
const DRAW = {};

const ARRAYS = {
  uint8: Uint8Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

// The bytes arrive as a view into a larger buffer, at any offset: they are copied before typed
// arrays are laid over them. See tables.pack for the order.
function decode(view) {
  if (view?.parts) return view; // a page without a kernel has decoded it already
  if (!view || !view.byteLength) return null;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const table = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  for (const part of table.parts) {
    for (const [name, [type, shape, offset]] of Object.entries(part.arrays)) {
      const size = shape.reduce((product, axis) => product * axis, 1);
      part[name] = new ARRAYS[type](bytes.buffer, 4 + length + offset, size);
      part[name].shape = shape;
    }
  }
  return table;
}

// As captions.first_look: without the names of starts, and without what isn't explained yet.
function simple(caption) {
  return caption.replace(/^(std \S+) \([^)]*\)/, "$1").replace(/, across inputs.*/, ".");
}

// One row of an array: what belongs to one position, or to one layer there.
function rowOf(array, ...place) {
  let size = array.length;
  let start = 0;
  place.forEach((index, axis) => {
    size /= array.shape[axis];
    start += index * size;
  });
  return array.subarray(start, start + size);
}

function shown(value) {
  if (Number.isNaN(value)) return "none";
  if (!Number.isFinite(value)) return "overflow";
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e4)) {
    return value.toExponential(1);
  }
  return String(Number(value.toPrecision(3)));
}

function percent(share) {
  if (Number.isNaN(share)) return "none";
  if (share > 0 && share < 0.005) return "< 1 %";
  if (share >= 0.995 && share < 1) return "> 99 %";
  return `${Math.round(100 * share)} %`;
}

class Sheet {
  constructor(model, el) {
    this.model = model;
    el.classList.add("initlab-picture");
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("role", "img");
    this.caption = document.createElement("div");
    this.caption.className = "initlab-caption";
    this.caption.setAttribute("aria-hidden", "true");
    // Screen readers are told what is to be seen when the hand rests, not at every step.
    this.announced = document.createElement("div");
    this.announced.className = "initlab-announced";
    this.announced.setAttribute("role", "status");
    el.append(this.canvas, this.caption, this.announced);
    this.context = this.canvas.getContext("2d");
    this.width = 0;
    this.readTable();
  }

  readTable() {
    this.table = decode(this.model.get("table"));
  }

  readColors() {
    const style = getComputedStyle(this.canvas);
    const own = (name) => style.getPropertyValue(`--initlab-${name}`).trim() || style.color;
    this.ink = style.color;
    this.paper = style.backgroundColor;
    this.faint = style.borderTopColor;
    const names = ["blue", "orange", "red", "green", "purple", "sky"];
    this.color = Object.fromEntries(names.map((name) => [name, own(name)]));
    this.color.black = this.ink;
    this.family = style.fontFamily || "sans-serif";
  }

  font(size, weight = "normal") {
    this.context.font = `${weight} ${Math.round(size)}px ${this.family}`;
  }

  // The width of words; the font stays set.
  wide(words, size, weight) {
    this.font(size, weight);
    return this.context.measureText(words).width;
  }

  text(words, x, y, align = "center", color = this.ink, baseline = "alphabetic") {
    const { context } = this;
    context.fillStyle = color;
    context.textAlign = align;
    context.textBaseline = baseline;
    context.fillText(words, x, y);
  }

  // Text on a patch of paper, so that bars and lines don't run through it.
  note(words, x, y, size, align, color = this.ink) {
    const { context } = this;
    const wide = this.wide(words, size, "bold");
    const left = align === "left" ? x : align === "right" ? x - wide : x - wide / 2;
    context.fillStyle = this.paper;
    context.globalAlpha = 0.8;
    context.fillRect(left - 2, y - size, wide + 4, size * 1.25);
    context.globalAlpha = 1;
    this.text(words, x, y, align, color);
  }

  // A line through points; where one is not a number the pen is lifted.
  line(points, color, width, dashes = []) {
    const { context } = this;
    context.strokeStyle = color;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.setLineDash(dashes);
    context.beginPath();
    let pen = false;
    for (const [x, y] of points) {
      if (Number.isFinite(y) && pen) context.lineTo(x, y);
      else if (Number.isFinite(y)) context.moveTo(x, y);
      pen = Number.isFinite(y);
    }
    context.stroke();
    context.setLineDash([]);
  }

  dot(x, y, size, color) {
    if (!Number.isFinite(y)) return;
    this.context.fillStyle = color;
    this.context.beginPath();
    this.context.arc(x, y, size, 0, 2 * Math.PI);
    this.context.fill();
  }

  // Draw no further than some pixels beyond a box.
  clip({ left, right, top, bottom }, margin, draw) {
    this.context.save();
    this.context.beginPath();
    this.context.rect(left, top - margin, right - left, bottom - top + 2 * margin);
    this.context.clip();
    draw();
    this.context.restore();
  }

  // The height of the picture in CSS pixels; the backing store follows screen and window.
  size(height) {
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(this.width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
      this.canvas.style.height = `${height}px`;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, height);
  }

  draw() {
    const wide = this.canvas.clientWidth;
    if (!wide || !this.table) return;
    this.width = wide;
    this.type = Math.max(12, Math.min(22, wide / 68));
    const caption = DRAW[this.table.kind](this, this.table, this.model);
    const words = this.model.get("message") || (this.model.get("simple") ? simple(caption) : caption);
    this.caption.textContent = words;
    this.canvas.setAttribute("aria-label", words);
    clearTimeout(this.pause);
    this.pause = setTimeout(() => {
      this.announced.textContent = words;
    }, 400);
  }
}

function render({ model, el }) {
  const sheet = new Sheet(model, el);
  const draw = () => sheet.draw();
  const redraw = () => {
    sheet.readColors();
    sheet.draw();
  };
  const reread = () => {
    sheet.readTable();
    sheet.draw();
  };
  // At once, not in the next animation frame: that would be one frame late.
  const events = [
    ["change:table", reread],
    ["change:position change:position_b change:difference change:simple change:message", draw],
  ];
  for (const [names, handler] of events) model.on(names, handler);
  const resize = new ResizeObserver(redraw);
  try {
    // Another screen, or another zoom, changes the number of its own pixels only.
    resize.observe(sheet.canvas, { box: "device-pixel-content-box" });
  } catch {
    resize.observe(sheet.canvas);
  }
  const theme = new MutationObserver(redraw);
  theme.observe(document.body, { attributes: true });
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", redraw);
  sheet.canvas.addEventListener("transitionend", redraw);
  redraw();
  return () => {
    for (const [names, handler] of events) model.off(names, handler);
    resize.disconnect();
    theme.disconnect();
    dark.removeEventListener("change", redraw);
    clearTimeout(sheet.pause);
  };
}

// Once for each model, however many views it has: locked sliders keep their distance.
function initialize({ model }) {
  let distance = 0;
  let busy = false;
  const measure = () => {
    distance = model.get("position_b") - model.get("position");
  };
  const put = (name, position) => {
    if (model.get(name) === position) return;
    busy = true;
    model.set(name, position);
    model.save_changes();
    busy = false;
  };
  const follow = (moved, follows, way) => {
    if (busy || !model.get("locked")) return;
    const last = model.get("positions") - 1;
    const wanted = model.get(moved) + way * distance;
    const allowed = Math.max(0, Math.min(last, wanted));
    put(follows, allowed);
    // The one that is moved waits for the other. Not before the link has done its part: while it
    // hands on a value, it takes none back.
    if (allowed !== wanted) queueMicrotask(() => put(moved, allowed - way * distance));
  };
  measure();
  model.on("change:locked", measure);
  model.on("change:position", () => follow("position", "position_b", 1));
  model.on("change:position_b", () => follow("position_b", "position", -1));
}

export default { initialize, render };
