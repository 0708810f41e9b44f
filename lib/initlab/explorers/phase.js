// Order and chaos: the plane of sigma_w and sigma_b, and what a network does at one of its points.

// The chosen point comes from a hand: a click, a drag, or a key.
const STEPS_OF_KEYS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowDown: [0, -1],
  ArrowUp: [0, 1],
  PageDown: [0, -5],
  PageUp: [0, 5],
  Home: [-Infinity, 0],
  End: [Infinity, 0],
};

function nearestIndex(values, wanted) {
  const far = values.map((value) => Math.abs(value - wanted));
  return far.indexOf(Math.min(...far));
}

function layHands(sheet, model) {
  const { canvas } = sheet;
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-description", "choose a point with a click or the arrow keys");
  const choose = (column, row) => {
    const { sigma_w: across, sigma_b: up } = sheet.table.parts[0];
    const clamp = (index, values) => Math.max(0, Math.min(values.length - 1, index));
    model.set("position", clamp(column, across));
    model.set("position_b", clamp(row, up));
    model.save_changes();
  };
  const place = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const inside = (event) => {
    const [x, y] = place(event);
    const { left, right, top, bottom } = sheet.plane;
    const edge = sheet.type;
    return x >= left - edge && x <= right + edge && y >= top - edge && y <= bottom + edge;
  };
  const follow = (event) => choose(...sheet.plane.pointAt(...place(event)));
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !sheet.plane || !inside(event)) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!sheet.plane) return;
    canvas.style.cursor = inside(event) ? "crosshair" : "";
    if (canvas.hasPointerCapture(event.pointerId)) follow(event);
  });
  // A finger in the plane chooses; beside it, it scrolls the page.
  const hold = (event) => {
    if (sheet.plane && inside(event.touches[0])) event.preventDefault();
  };
  canvas.addEventListener("touchstart", hold, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS_OF_KEYS[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey || !sheet.table) return;
    // JupyterLab's own meaning of arrow keys is not asked for here.
    event.preventDefault();
    event.stopPropagation();
    choose(model.get("position") + step[0], model.get("position_b") + step[1]);
  });
}

// One cell a point, drawn larger later on: blue where chi is below 1, red where it is above.
function shadeOf(sheet, part) {
  const key = [sheet.color.blue, sheet.color.red].join();
  if (sheet.shade?.part === part && sheet.shade.key === key) return sheet.shade.cells;
  const [rows, columns] = part.chi.shape;
  const cells = document.createElement("canvas");
  cells.width = columns;
  cells.height = rows;
  const context = cells.getContext("2d");
  const strong = Math.log(Math.max(...part.chi, 1.1));
  part.chi.forEach((chi, index) => {
    const far = Math.log(chi);
    context.globalAlpha = 0.12 + 0.5 * Math.min(1, Math.abs(far) / strong);
    context.fillStyle = far < 0 ? sheet.color.blue : sheet.color.red;
    context.fillRect(index % columns, rows - 1 - Math.floor(index / columns), 1, 1);
  });
  sheet.shade = { part, key, cells };
  return cells;
}

function drawSigma(sheet, letter, words, x, y, size) {
  const sigma = sheet.wide("\u03c3", size, "bold");
  const low = sheet.wide(letter, size * 0.7, "bold");
  const left = x - (sigma + low + sheet.wide(words, size)) / 2;
  sheet.text(words, left + sigma + low, y, "left");
  sheet.font(size, "bold");
  sheet.text("\u03c3", left, y, "left");
  sheet.font(size * 0.7, "bold");
  sheet.text(letter, left + sigma, y + size * 0.22, "left");
}

function drawPlane(sheet, part, box, place) {
  const { context, type } = sheet;
  const { left, right, top, bottom } = box;
  const { sigma_w: across, sigma_b: up } = part;
  const [mostW, mostB] = [across.at(-1), up.at(-1)];
  const x = (w) => left + (w / mostW) * (right - left);
  const y = (b) => bottom - (b / mostB) * (bottom - top);
  sheet.plane = {
    ...box,
    pointAt: (there, high) => [nearestIndex(across.map(x), there), nearestIndex(up.map(y), high)],
  };
  sheet.canvas.dataset.plane = [left, top, right, bottom].join(" ");
  sheet.font(type * 1.1, "bold");
  sheet.text(`${part.name}: click a point`, (left + right) / 2, top - type * 0.8);
  const [rows, columns] = part.chi.shape;
  const [wide, high] = [(right - left) / (columns - 1), (bottom - top) / (rows - 1)];
  const cells = shadeOf(sheet, part);
  sheet.clip(box, 0, () => {
    context.imageSmoothingQuality = "high";
    context.drawImage(cells, left - wide / 2, top - high / 2, columns * wide, rows * high);
    const line = part.line.map(([w, b]) => [x(w), y(b)]);
    sheet.line(line, sheet.ink, Math.max(4, type * 0.3));
  });
  context.strokeStyle = sheet.ink;
  context.lineWidth = 1;
  context.strokeRect(left, top, right - left, bottom - top);
  sheet.font(type * 1.7, "bold");
  sheet.text("order", left + type * 0.6, top + type * 2, "left");
  sheet.text("chaos", right - type * 0.6, bottom - type * 0.9, "right");
  const foot = part.line.findLast(([, b]) => b <= 0.8 * mostB);
  if (foot) sheet.note("\u03c7 = 1", x(foot[0]) - type * 0.5, y(foot[1]), type, "right");
  sheet.font(type * 0.9);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    sheet.text(shown(share * mostW), x(share * mostW), bottom + type * 1.2);
  }
  for (const share of [0, 1 / 3, 2 / 3, 1]) {
    sheet.text(shown(share * mostB), left - 8, y(share * mostB), "right", sheet.ink, "middle");
  }
  drawSigma(sheet, "w", "  weights", (left + right) / 2, bottom + type * 2.4, type * 1.05);
  context.save();
  context.translate(left - type * 2.3, (top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  drawSigma(sheet, "b", "  biases", 0, 0, type * 1.05);
  context.restore();
  const chi = rowOf(part.chi, place[1])[place[0]];
  drawPoint(sheet, box, [x(across[place[0]]), y(up[place[1]])], chi);
}

function drawPoint(sheet, box, [x, y], chi) {
  const { context, type } = sheet;
  sheet.line([[box.left, y], [x, y], [x, box.bottom]], sheet.ink, 1.5, [4, 4]);
  sheet.dot(x, y, type * 0.5, sheet.paper);
  context.lineWidth = Math.max(4, type * 0.25);
  context.stroke();
  const last = x > (box.left + 2 * box.right) / 3;
  const high = Math.max(y - type * 0.8, box.top + type * 1.2);
  const far = last ? -type * 0.8 : type * 0.8;
  sheet.note(`\u03c7 ${shown(chi)}`, x + far, high, type * 1.15, last ? "right" : "left");
}

function panelsOf(sheet, part, position) {
  const ready = Boolean(part.ready[position]);
  const get = (name) => (ready ? Array.from(rowOf(part[name], position)) : undefined);
  const likeness = get("correlation");
  const lowest = Math.min(-0.25, ...(likeness ?? []).filter(Number.isFinite));
  const { blue, green, red } = sheet.color;
  const [q, gradient] = [
    { name: "q", title: "size: mean of z\u00b2", color: blue, axis: "layer \u2192" },
    { name: "gradient_rms", title: "gradient (RMS)", color: red, axis: "\u2190 layer" },
  ].map((one) => sizesOf(part, position, one));
  const pair = {
    title: "likeness of two inputs",
    dots: likeness,
    line: get("predicted_correlation"),
    ends: [lowest, 1.05],
    ticks: [[0, "0"], [0.5, "0.5"], [1, "1"]],
    color: green,
    axis: "layer \u2192",
    depth: part.depth,
    lost: "none",
  };
  return [q, pair, gradient];
}

DRAW.phase = function drawPhase(sheet, table, model) {
  const part = table.parts[0];
  if (!sheet.hands) {
    sheet.hands = true;
    layHands(sheet, model);
  }
  const place = [model.get("position"), model.get("position_b")];
  const position = place[0] + place[1] * part.sigma_w.length;
  const wide = sheet.width >= 1050;
  const { type, canvas } = sheet;
  const panel = Math.max(260, Math.min(400, sheet.width * (wide ? 0.27 : 0.36)));
  const high = panel + type * 5.4;
  const across = wide ? 4 : sheet.width < 640 ? 1 : 2;
  sheet.size((4 / across) * high + type * 1.6);
  const [sigmaW, sigmaB] = [part.sigma_w[place[0]], part.sigma_b[place[1]]];
  const ready = Boolean(part.ready[position]);
  Object.assign(canvas.dataset, { sigmaW, sigmaB, ready });
  // Where there is one row, the plane takes more of it than a panel does.
  const first = wide ? 0.34 : 1 / across;
  const rest = wide ? (1 - first) / 3 : first;
  const box = (number) => {
    const column = number % across;
    const row = Math.floor(number / across);
    const left = sheet.width * (column ? first + (column - 1) * rest : 0);
    const right = left + sheet.width * (column ? rest : first);
    return {
      left: left + type * 3.4,
      right: right - type * 0.8,
      top: row * high + type * 2.2,
      bottom: row * high + type * 2.2 + panel,
    };
  };
  drawPlane(sheet, part, box(0), place);
  panelsOf(sheet, part, position).forEach((one, number) => drawLayers(sheet, box(number + 1), one));
  sheet.font(type);
  const middle = sheet.width * (wide ? (1 + first) / 2 : 0.5);
  const below = (4 / across) * high + type * 0.8;
  sheet.text("\u25cf measured    \u2501 theory", middle, below);
  return ready ? part.captions[position] : "The kernel is computing this point.";
};
