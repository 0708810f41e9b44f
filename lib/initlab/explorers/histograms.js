// Histograms: one panel a layer, the numbers of each layer under it.
const STEPS = [0.02, 0.05, 0.1, 0.2, 0.5, 1];

// What is to be drawn of one layer, as shares of all its activations.
function panelOf(part, position, layer) {
  const counts = rowOf(part.counts, position, layer);
  const one = (name) => rowOf(part[name], position)[layer];
  const total =
    counts.reduce((sum, count) => sum + count, 0) +
    one("zeros") + one("below") + one("above") + one("not_numbers");
  return {
    shares: Array.from(counts, (count) => count / total),
    zeros: one("zeros") / total,
    below: one("below") / total,
    above: one("above") / total,
    none: one("not_numbers") / total,
  };
}

// Bars of exact zeros may leave the panel: they don't decide how high it is.
function topOf(panels) {
  let most = 0;
  let zeros = 0;
  for (const panel of panels) {
    most = Math.max(most, ...panel.shares);
    zeros = Math.max(zeros, panel.zeros);
  }
  if (most < 0.005) most = zeros;
  return STEPS.find((step) => most <= step * 1.0001) ?? 1;
}

function drawPanel(sheet, part, panel, box, top, color) {
  const { context, type } = sheet;
  const { left, right, bottom, high } = box;
  const [low, end] = part.span;
  const wide = (right - left) / panel.shares.length;
  const y = (share) => bottom - Math.min(share / top, 1.03) * high;
  context.strokeStyle = sheet.faint;
  context.lineWidth = 1;
  for (const level of [0.5, 1]) {
    context.beginPath();
    context.moveTo(left, bottom - level * high);
    context.lineTo(right, bottom - level * high);
    context.stroke();
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
  const notes = [];
  if (panel.zeros > 0) notes.push([`${percent(panel.zeros)} are 0`, sheet.color.orange]);
  if (panel.above > 0) notes.push([`${percent(panel.above)} > ${end} \u25b6`, sheet.color.red]);
  if (panel.below > 0) notes.push([`\u25c0 ${percent(panel.below)} < ${low}`, sheet.color.red]);
  if (panel.none > 0) notes.push([`${percent(panel.none)} are no numbers`, sheet.color.red]);
  notes.forEach(([words, ink], index) => {
    sheet.note(words, right - 2, bottom - high + small * (1.1 + 1.35 * index), small, "right", ink);
  });
  sheet.font(small);
  sheet.text(shown(low), left, bottom + small * 1.15, "left");
  sheet.text(shown(end), right, bottom + small * 1.15, "right");
}

function drawDifference(sheet, panels, box, top) {
  const { context } = sheet;
  const { left, right, bottom, high } = box;
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
}

const NUMBERS = [
  ["std of all", "pooled_std", shown],
  ["across inputs", "across_input_std", shown],
  ["saturated", "saturated_fraction", percent],
  ["dead", "dead_fraction", percent],
];

function drawActivations(sheet, table, model) {
  const positions = [model.get("position"), model.get("position_b")].slice(0, table.parts.length);
  const both = table.parts.length === 2;
  const same = both && String(table.parts[0].span) === String(table.parts[1].span);
  const difference = both && same && model.get("difference");
  const layers = Math.max(...table.parts.map((part) => (part.counts ? part.counts.shape[1] : 1)));
  sheet.type = Math.max(12, Math.min(22, sheet.width / 68));
  const type = sheet.type;
  const margin = type * 7.6;
  const space = sheet.width - margin - 8;
  const columns = Math.max(1, Math.min(layers <= 6 ? layers : 10, Math.floor(space / 92)));
  const bands = Math.ceil(layers / columns);
  const line = type * (both ? 1.12 : 1.3);
  const numbersHigh = NUMBERS.length * line;
  const barsHigh = both ? 88 : bands > 1 ? 110 : Math.max(150, Math.min(260, sheet.width / 6.5));
  const stripHigh = type * 1.6 + barsHigh + type * 1.2 + numbersHigh + type * 0.8;
  const differenceHigh = difference ? barsHigh + type * 1.8 : 0;
  const bandHigh = table.parts.length * stripHigh + differenceHigh;
  sheet.size(bands * bandHigh);
  const canvas = sheet.canvas;
  const stds = table.parts.map((part, index) => part.stds[positions[index]]);
  const ready = table.parts.every((part, index) => part.ready[positions[index]]);
  canvas.dataset.std = String(stds[0]);
  if (both) canvas.dataset.stdB = String(stds[1]);
  canvas.dataset.ready = String(ready);
  if (!ready) {
    sheet.font(type * 1.3, "bold");
    sheet.text(
      `std ${stds.map(shown).join(" and ")}: on its way ...`, sheet.width / 2, bandHigh / 2,
    );
    return `std ${stds.map(shown).join(" and ")}: the kernel is computing this value.`;
  }
  const panels = table.parts.map((part, index) =>
    Array.from({ length: layers }, (_, layer) => panelOf(part, positions[index], layer)),
  );
  const top = topOf(panels.flat());
  const wide = space / columns;
  for (let layer = 0; layer < layers; layer += 1) {
    const column = layer % columns;
    const band = Math.floor(layer / columns);
    const left = margin + column * wide + 6;
    const right = margin + (column + 1) * wide - 6;
    table.parts.forEach((part, index) => {
      const start = band * bandHigh + index * stripHigh;
      const bottom = start + type * 1.6 + barsHigh;
      const color = index ? sheet.color.green : sheet.color.blue;
      sheet.font(type, "bold");
      sheet.text(`layer ${layer + 1}`, (left + right) / 2, start + type * 1.15);
      const box = { left, right, bottom, high: barsHigh };
      drawPanel(sheet, part, panels[index][layer], box, top, color);
      NUMBERS.forEach(([label, name, form], row) => {
        const y = bottom + type * 1.3 + (row + 1) * line;
        sheet.font(type, "bold");
        sheet.text(form(rowOf(part[name], positions[index])[layer]), (left + right) / 2, y);
        if (column === 0) {
          sheet.font(type * 0.95);
          sheet.text(label, margin - 8, y, "right");
        }
      });
      if (column === 0) {
        sheet.font(type * 0.8);
        for (const level of [0.5, 1]) {
          const y = bottom - level * barsHigh;
          sheet.text(percent(level * top), margin - 6, y, "right", sheet.ink, "middle");
        }
        if (both) {
          sheet.font(type * 1.1, "bold");
          sheet.text("AB"[index], 4, start + type * 1.2, "left", color);
          sheet.font(type * 0.85);
          sheet.text(part.name, 4, start + type * 2.5, "left", color);
          sheet.text(`std ${shown(stds[index])}`, 4, start + type * 3.6, "left", color);
        }
      }
    });
    if (difference) {
      const bottom = (band + 1) * bandHigh - type * 0.6;
      const box = { left, right, bottom, high: barsHigh };
      drawDifference(sheet, [panels[0][layer], panels[1][layer]], box, top);
      if (column === 0) {
        sheet.font(type, "bold");
        sheet.text("B \u2212 A", margin - 8, bottom - barsHigh / 2, "right", sheet.ink, "middle");
      }
    }
  }
  const words = table.parts.map((part, index) => part.captions[positions[index]]);
  const none = model.get("difference") && !same ? " No difference: the axes are not the same." : "";
  return both ? `A: ${words[0]} B: ${words[1]}${none}` : words[0];
}

DRAW.activations = drawActivations;
