// Histograms: one panel a layer, the numbers of each layer under it.
const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1];

// What is to be drawn of one layer, as shares of all its activations.
function panelOf(part, position, layer) {
  const counts = Array.from(rowOf(part.counts, position, layer));
  const others = ["zeros", "below", "above", "not_numbers"];
  const rest = others.map((name) => rowOf(part[name], position)[layer]);
  const total = [...counts, ...rest].reduce((sum, count) => sum + count);
  const [zeros, below, above, none] = rest.map((count) => count / total);
  return { shares: counts.map((count) => count / total), zeros, below, above, none };
}

// Bars of exact zeros may leave the panel: they don't decide how high it is.
function topOf(panels) {
  let most = Math.max(...panels.flatMap((panel) => panel.shares));
  if (most < 0.005) most = Math.max(...panels.map((panel) => panel.zeros));
  return STEPS.find((step) => most <= step * 1.0001) ?? 1;
}

function drawPanel(sheet, part, panel, box, top, color) {
  const { context, type } = sheet;
  const { left, right, bottom, high } = box;
  const [low, end] = part.span;
  const wide = (right - left) / panel.shares.length;
  const y = (share) => bottom - Math.min(share / top, 1.03) * high;
  for (const level of [0.5, 1]) {
    const height = bottom - level * high;
    sheet.line([[left, height], [right, height]], sheet.faint, 1);
  }
  context.fillStyle = color;
  panel.shares.forEach((share, bin) => {
    if (share > 0) {
      const height = Math.max(bottom - y(share), 1);
      context.fillRect(left + bin * wide, bottom - height, Math.max(wide - 1, 1), height);
    }
  });
  if (panel.zeros > 0) {
    const middle = left + ((0 - low) / (end - low)) * (right - left);
    const bar = Math.max(5, wide / 2);
    const x = Math.max(left, Math.min(middle - bar / 2, right - bar));
    context.fillStyle = sheet.color.orange;
    context.fillRect(x, y(panel.zeros), bar, bottom - y(panel.zeros));
  }
  context.fillStyle = sheet.ink;
  context.fillRect(left, bottom, right - left, 1.5);
  const small = type * 0.78;
  const { orange, red } = sheet.color;
  const notes = [
    [panel.zeros, `${percent(panel.zeros)} are 0`, orange],
    [panel.above, `${percent(panel.above)} > ${end} \u25b6`, red],
    [panel.below, `\u25c0 ${percent(panel.below)} < ${low}`, red],
    [panel.none, `${percent(panel.none)} NaN`, red],
  ].filter(([share]) => share > 0);
  notes.forEach(([, words, ink], index) => {
    sheet.note(words, right - 2, bottom - high + small * (1.1 + 1.35 * index), small, "right", ink);
  });
  sheet.font(small);
  sheet.text(shown(low), left, bottom + small * 1.15, "left");
  sheet.text(shown(end), right, bottom + small * 1.15, "right");
}

function drawDifference(sheet, panels, place, top) {
  const { context } = sheet;
  const { left, right, bottom, high, margin, first } = place;
  const [a, b] = panels;
  const wide = (right - left) / a.shares.length;
  const middle = bottom - high / 2;
  a.shares.forEach((share, bin) => {
    const more = Math.max(-1, Math.min(1, (b.shares[bin] - share) / top));
    const height = Math.max(Math.abs(more) * (high / 2), more === 0 ? 0 : 1);
    context.fillStyle = more > 0 ? sheet.color.green : sheet.color.blue;
    context.fillRect(left + bin * wide, more > 0 ? middle - height : middle, wide - 1, height);
  });
  context.fillStyle = sheet.ink;
  context.fillRect(left, middle, right - left, 1.5);
  sheet.font(sheet.type, "bold");
  if (first) sheet.text("B \u2212 A", margin - 8, middle, "right", sheet.ink, "middle");
}

const NUMBERS = [
  ["std of all", "pooled_std", shown],
  ["across inputs", "across_input_std", shown],
  ["saturated", "saturated_fraction", percent],
  ["dead", "dead_fraction", percent],
];
const SIMPLE = [NUMBERS[0], NUMBERS[2]];

// One layer of one configuration: its bars and its numbers; at the left end, what they are.
function drawStrip(sheet, side, layer, place, top) {
  const { type } = sheet;
  const { part, position, color } = side;
  const { left, right, start, bottom, high, line, margin, first } = place;
  const middle = (left + right) / 2;
  sheet.font(type, "bold");
  sheet.text(`layer ${layer + 1}`, middle, start + type * 1.15);
  drawPanel(sheet, part, side.panels[layer], place, top, color);
  side.numbers.forEach(([label, name, form], row) => {
    const y = bottom + type * 1.3 + (row + 1) * line;
    sheet.font(type, "bold");
    sheet.text(form(rowOf(part[name], position)[layer]), middle, y);
    sheet.font(type * 0.95);
    if (first) sheet.text(label, margin - 8, y, "right");
  });
  if (!first) return;
  sheet.font(type * 0.8);
  for (const level of [0.5, 1]) {
    const y = bottom - level * high;
    sheet.text(percent(level * top), margin - 6, y, "right", sheet.ink, "middle");
  }
  if (!side.letter) return;
  sheet.font(type * 1.1, "bold");
  sheet.text(side.letter, 4, start + type * 1.2, "left", color);
  sheet.font(type * 0.85);
  sheet.text(part.name, 4, start + type * 2.5, "left", color);
  sheet.text(`std ${shown(side.std)}`, 4, start + type * 3.6, "left", color);
}

// The one configuration, or A and B; each at its own position.
function sidesOf(sheet, { parts }, model) {
  return parts.map((part, index) => {
    const position = model.get(index ? "position_b" : "position");
    const ready = Boolean(part.ready[position]);
    const panel = (_, layer) => panelOf(part, position, layer);
    return {
      part,
      position,
      ready,
      std: part.stds[position],
      color: index ? sheet.color.green : sheet.color.blue,
      letter: parts.length === 2 && "AB"[index],
      numbers: model.get("simple") ? SIMPLE : NUMBERS,
      panels: ready ? Array.from({ length: part.depth }, panel) : [],
    };
  });
}

// Bands of layers, one below the other; in each a strip for every side, and one for the difference.
function gridOf(sheet, sides, difference) {
  const { type } = sheet;
  const both = sides.length === 2;
  const layers = sides[0].part.depth;
  const margin = type * 7.6;
  const space = sheet.width - margin - 8;
  const columns = Math.max(1, Math.min(layers <= 6 ? layers : 10, Math.floor(space / 92)));
  const bands = Math.ceil(layers / columns);
  const line = type * (both ? 1.12 : 1.3);
  const high = both ? 88 : bands > 1 ? 110 : Math.max(150, Math.min(260, sheet.width / 6.5));
  const stripHigh = type * 3.6 + high + sides[0].numbers.length * line;
  const bandHigh = sides.length * stripHigh + (difference ? high + type * 1.8 : 0);
  const place = (layer) => {
    const left = margin + ((layer % columns) * space) / columns + 6;
    const right = left + space / columns - 12;
    const start = Math.floor(layer / columns) * bandHigh;
    return { left, right, start, high, line, margin, first: layer % columns === 0 };
  };
  return { layers, bandHigh, stripHigh, place, total: bands * bandHigh };
}

function drawLayer(sheet, sides, grid, layer, top, difference) {
  const place = grid.place(layer);
  sides.forEach((side, index) => {
    const start = place.start + index * grid.stripHigh;
    const bottom = start + sheet.type * 1.6 + place.high;
    drawStrip(sheet, side, layer, { ...place, start, bottom }, top);
  });
  if (!difference) return;
  const bottom = place.start + grid.bandHigh - sheet.type * 0.6;
  drawDifference(sheet, sides.map((side) => side.panels[layer]), { ...place, bottom }, top);
}

DRAW.activations = function drawActivations(sheet, table, model) {
  const sides = sidesOf(sheet, table, model);
  const [a, b] = sides;
  const wanted = model.get("difference");
  const same = b && String(a.part.span) === String(b.part.span);
  const difference = same && wanted;
  const grid = gridOf(sheet, sides, difference);
  sheet.size(grid.total);
  const ready = sides.every((side) => side.ready);
  Object.assign(sheet.canvas.dataset, { std: a.std, ready }, b && { stdB: b.std });
  if (!ready) {
    const which = `std ${sides.map((side) => shown(side.std)).join(" and ")}`;
    sheet.font(sheet.type * 1.3, "bold");
    sheet.text(`${which}: on its way ...`, sheet.width / 2, grid.bandHigh / 2);
    return `${which}: the kernel is computing this value.`;
  }
  const top = topOf(sides.flatMap((side) => side.panels));
  for (let layer = 0; layer < grid.layers; layer += 1) {
    drawLayer(sheet, sides, grid, layer, top, difference);
  }
  const words = sides.map((side) => side.part.captions[side.position]);
  const none = wanted && !same ? " No difference: the axes are not the same." : "";
  return b ? `A: ${words[0]} B: ${words[1]}${none}` : words[0];
};
