// One dot a layer and what theory says as a line: sizes on a log axis, forward and backward.

// The ends of a log axis: they snap outwards in steps of three powers of ten.
function endsOf(logs) {
  const known = logs.filter(Number.isFinite);
  const low = Math.max(3 * Math.floor(Math.min(-1, ...known) / 3), -330);
  return [low, 3 * Math.ceil(Math.max(1, ...known) / 3)];
}

function powerOfTen(power) {
  const digits = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
  if (power === 0) return "1";
  const high = [...String(Math.abs(power))].map((digit) => digits[digit]).join("");
  return `10${power < 0 ? "\u207b" : ""}${high}`;
}

function ticksOf([low, high]) {
  const step = 3 * Math.max(1, Math.ceil((high - low) / 18));
  const ticks = [];
  for (let power = Math.ceil(low / step) * step; power <= high; power += step) {
    ticks.push([power, powerOfTen(power)]);
  }
  return ticks;
}

// What is to be drawn of sizes at one position; nothing is known of them before it is computed.
function sizesOf(part, position, { name, median, ...rest }) {
  const ready = Boolean(part.ready[position]);
  const get = (what) => (ready ? Array.from(rowOf(part[`log_${what}`], position)) : undefined);
  const [dots, squares] = [get(name), median && get(median)];
  // Medians may lie far below: an axis for them would make what is asked for look flat.
  const ends = endsOf(dots ?? []);
  const line = get(`predicted_${name}`);
  return { dots, squares, line, ends, depth: part.depth, lost: "overflow", ...rest };
}

function drawLayers(sheet, box, panel) {
  const { context, type } = sheet;
  const { left, right, top, bottom } = box;
  const { depth, dots, squares, color } = panel;
  const [low, high] = panel.ends;
  const x = (layer) => left + ((layer + 0.7) / (depth + 0.4)) * (right - left);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  sheet.font(type * 1.1, "bold");
  sheet.text(panel.title, (left + right) / 2, top - type * 0.8);
  sheet.font(type * 0.9);
  for (const [value, words] of panel.ticks ?? ticksOf(panel.ends)) {
    context.fillStyle = sheet.faint;
    context.fillRect(left, y(value), right - left, 1);
    sheet.text(words, left - 8, y(value), "right", sheet.ink, "middle");
  }
  const room = (right - left) / (2.2 * type);
  const every = [1, 2, 3, 5].find((step) => depth / step <= room) ?? 10;
  for (let layer = every; layer <= depth; layer += every) {
    sheet.text(String(layer), x(layer - 1), bottom + type * 1.2);
  }
  sheet.text(panel.axis, (left + right) / 2, bottom + type * 2.4);
  if (!dots) {
    sheet.note("on its way ...", (left + right) / 2, (top + bottom) / 2, type, "center");
    return;
  }
  const size = Math.max(3, Math.min(type * 0.42, (0.45 * (right - left)) / depth));
  sheet.clip(box, 8, () => {
    dots.forEach((value, layer) => sheet.dot(x(layer), y(value), size, color));
    context.strokeStyle = color;
    context.lineWidth = 2.5;
    squares?.forEach((value, layer) => {
      if (value === -Infinity) return;
      context.strokeRect(x(layer) - size, y(value) - size, 2 * size, 2 * size);
    });
    sheet.line(panel.line.map((value, layer) => [x(layer), y(value)]), sheet.ink, 2.5);
  });
  const gone = dots.findIndex((value) => Number.isNaN(value) || value === Infinity);
  const [none, zeros] = [dots, squares ?? []].map(
    (values) => values.filter((value) => value === -Infinity).length,
  );
  const { red } = sheet.color;
  if (gone >= 0) {
    const words = `${panel.lost} from layer ${gone + 1} on`;
    sheet.note(words, right - 4, top + type * 1.2, type, "right", red);
  } else if (!zeros && squares && Math.min(...squares) < low) {
    const words = `median down to ${powerOfTen(Math.round(Math.min(...squares)))} \u25bc`;
    sheet.note(words, right - 4, bottom - type * 0.5, type * 0.9, "right", sheet.ink);
  } else if (zeros) {
    const where = zeros === depth ? "every layer" : `${zeros} of ${depth} layers`;
    const words = `${none === zeros ? "RMS and median are" : "median is"} 0 in ${where}`;
    sheet.note(words, right - 4, bottom - type * 0.5, type * 0.9, "right", red);
  }
}

DRAW.signals = function drawSignals(sheet, table, model) {
  const [part] = table.parts;
  const position = model.get("position");
  const { type, canvas } = sheet;
  const narrow = sheet.width < 640;
  const panel = Math.max(240, Math.min(400, sheet.width / 4));
  const high = panel + type * 6.2;
  sheet.size(narrow ? 2 * high : high);
  const ready = Boolean(part.ready[position]);
  Object.assign(canvas.dataset, { std: part.stds[position], ready });
  const looks = {
    forward: ["activations, forward \u2192", sheet.color.blue],
    gradient: ["\u2190 gradients, backward", sheet.color.red],
  };
  const panels = Object.entries(looks).map(([name, [title, color]]) => {
    const names = { name: `${name}_rms`, median: `${name}_median` };
    if (name === "forward" && model.get("simple")) delete names.median;
    return sizesOf(part, position, { ...names, title, color, axis: "layer" });
  });
  const [first, second] = panels.map((one) => one.ends);
  const ends = [Math.min(first[0], second[0]), Math.max(first[1], second[1])];
  panels.forEach((one, number) => {
    const left = narrow ? 0 : (number * sheet.width) / 2;
    const top = (narrow ? number * high : 0) + type * 2.4;
    const right = left + (narrow ? sheet.width : sheet.width / 2) - 10;
    drawLayers(sheet, { left: left + type * 4, right, top, bottom: top + panel }, { ...one, ends });
  });
  sheet.font(type * 0.9);
  const legend = "\u25cf RMS    \u25a1 median    \u2501 theory of the RMS";
  sheet.text(legend, sheet.width / 2, high - type * 0.6);
  if (ready) return part.captions[position];
  return `std ${shown(part.stds[position])}: the kernel is computing this value.`;
};
