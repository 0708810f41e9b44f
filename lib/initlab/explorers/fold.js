// The bell of z goes up to the curve of an activation, and across to the histogram of h.

// What the flat ends of the curve get is orange.
function drawInColours(sheet, part, box, draw) {
  const { blue, orange } = sheet.color;
  const [from, to] = part.steep.map(box.x);
  const zones = [[box.left, from, orange], [from, to, blue], [to, box.right, orange]];
  for (const [left, right, color] of zones) {
    if (right > left + 1) sheet.clip({ ...box, left, right }, 3, () => draw(color));
  }
}

function drawCurve(sheet, part, box) {
  const { type } = sheet;
  const { left, bars, top, x, y } = box;
  const [low, high] = part.span;
  sheet.font(type * 0.9);
  for (const level of [low, (low + high) / 2, high]) {
    sheet.line([[left, y(level)], [bars, y(level)]], sheet.faint, 1);
    sheet.text(shown(level), left - 8, y(level), "right", sheet.ink, "middle");
  }
  sheet.font(type * 1.1, "bold");
  sheet.text(`h = ${part.name}(z)`, left, top - type * 0.9, "left");
  sheet.text("h", bars, top - type * 0.9);
  const curve = part.curve.map(([z, h]) => [x(z), y(h)]);
  drawInColours(sheet, part, box, (color) => sheet.line(curve, color, Math.max(4, type * 0.36)));
}

// Equal portions, in turns dark and light.
function drawBell(sheet, part, stdZ, beyond, box) {
  const { context, type } = sheet;
  const { left, right, top, bottom, x, up } = box;
  drawInColours(sheet, part, box, (color) => {
    sheet.line(part.bell.map(([z, share]) => [x(z * stdZ), up(share)]), color, 2);
    context.fillStyle = color;
    context.fill();
  });
  const cuts = part.cuts.map((z) => Math.max(left, Math.min(right, x(z * stdZ))));
  context.fillStyle = sheet.paper;
  context.globalAlpha = 0.35;
  for (let cut = 1; cut < cuts.length; cut += 2) {
    context.fillRect(cuts[cut - 1], top, cuts[cut] - cuts[cut - 1], bottom - top);
  }
  context.globalAlpha = 1;
  context.fillStyle = sheet.ink;
  context.fillRect(left, bottom, right - left, 1.5);
  sheet.font(type * 0.9);
  for (const z of [-10, -5, 0, 5, 10]) sheet.text(shown(z), x(z), bottom + type * 1.2);
  sheet.font(type * 1.1, "bold");
  sheet.text("z", x(0), bottom + type * 2.4);
  if (beyond < 0.005) return;
  const [there, size] = [bottom - type * 0.5, type * 0.9];
  sheet.note(`\u25c0 ${percent(beyond)}`, left + 4, there, size, "left");
  sheet.note(`${percent(beyond)} \u25b6`, right - 4, there, size, "right");
}

// From the middle of each portion up to the curve, and across to the bars.
function drawRays(sheet, part, stdZ, h, box, bell) {
  const { context, type } = sheet;
  const { top, bottom, bars, x, y } = box;
  const ray = ([z, share], index) => {
    const flat = z * stdZ < part.steep[0] || z * stdZ > part.steep[1];
    const color = flat ? sheet.color.orange : sheet.color.blue;
    return { color, from: bell.up(share), there: x(z * stdZ), at: y(h[index]) };
  };
  const rays = part.portions.map(ray).filter(({ at }) => at < bottom + 1);
  sheet.clip({ ...box, right: bars, bottom: bell.bottom }, 0, () => {
    for (const { color, from, there, at } of rays) {
      context.globalAlpha = 0.35;
      sheet.line([[there, from], [there, at]], color, 2);
      context.globalAlpha = 0.8;
      sheet.line([[there, at], [bars, at]], color, 2);
      context.globalAlpha = 1;
    }
  });
  drawCurve(sheet, part, box);
  sheet.clip(box, type, () => {
    const seen = rays.filter(({ at }) => at > top - 1);
    for (const { there, at } of seen) sheet.dot(there, at, type * 0.42, sheet.paper);
    for (const { color, there, at } of seen) sheet.dot(there, at, type * 0.3, color);
  });
}

function drawBars(sheet, shares, flat, { bars, top, bottom, end }) {
  const { context, type, color } = sheet;
  const most = Math.max(0.1, ...shares);
  const room = end - bars - sheet.wide("100 %", type, "bold") - 8;
  const high = (bottom - top) / shares.length;
  shares.forEach((share, bar) => {
    const start = bottom - (bar + 1) * high;
    context.fillStyle = color.blue;
    context.fillRect(bars, start, (share / most) * room, high - 1);
    context.fillStyle = color.orange;
    context.fillRect(bars, start, (flat[bar] / most) * room, high - 1);
    const peak = share > (shares[bar - 1] ?? 0) && share >= (shares[bar + 1] ?? 0);
    if (!peak || share < 0.1) return;
    const [x, y] = [bars + (share / most) * room + 8, start + high / 2];
    sheet.text(percent(share), x, y, "left", sheet.ink, "middle");
  });
  context.fillStyle = sheet.ink;
  context.fillRect(bars, top, 1.5, bottom - top);
}

// In the corner that curve, bell and bars leave free.
function writeFacts(sheet, facts, { bars, end }, { top, bottom }) {
  const { type } = sheet;
  let line = top;
  for (const [words, scale, color] of facts) {
    const size = type * scale * Math.min(1, (end - bars) / sheet.wide(words, type * scale, "bold"));
    line += type * (0.6 + scale * 0.8);
    sheet.font(size, scale > 1.5 ? "bold" : "normal");
    sheet.text(words, bars, line, "left", color);
  }
  sheet.font(type * 0.9);
  sheet.text("each stripe: 5 %", bars, bottom + type * 1.2, "left");
}

DRAW.fold = function drawFold(sheet, table, model) {
  const [part] = table.parts;
  const position = model.get("position");
  const { type, width, color } = sheet;
  const tall = Math.max(220, Math.min(340, width * 0.27));
  const [left, bars, end] = [type * 3, width * 0.66, width - 6];
  const right = bars - type;
  const reach = part.curve.at(-1)[0];
  const [low, high] = part.span;
  const [top, bottom] = [type * 2, type * 2 + tall];
  const x = (z) => left + ((z + reach) / (2 * reach)) * (right - left);
  const y = (h) => bottom - ((h - low) / (high - low)) * tall;
  const box = { left, right, top, bottom, bars, end, x, y };
  const ground = bottom + type + tall / 2;
  const up = (share) => ground - (share * tall) / 2;
  const bell = { left, right, top: up(1), bottom: ground, x, up };
  sheet.size(ground + type * 3);
  const [std, stdZ] = [part.stds[position], part.std_z[position]];
  const ready = Boolean(part.ready[position]);
  Object.assign(sheet.canvas.dataset, { std, ready });
  drawBell(sheet, part, stdZ, part.beyond[position], bell);
  if (!ready) {
    drawCurve(sheet, part, box);
    return `std ${shown(std)}: the kernel is computing this value.`;
  }
  const get = (name) => Array.from(rowOf(part[name], position));
  drawRays(sheet, part, stdZ, get("h"), box, bell);
  drawBars(sheet, get("shares"), get("flat_shares"), box);
  const shares = [
    ["saturated_fraction", "saturated", color.orange],
    ["zero_fraction", "are 0", color.orange],
    ["above", `> ${high}`, color.red],
    ["below", `< ${low}`, color.red],
  ].map(([name, words, ink]) => [get(name)[0], words, ink]);
  const facts = shares
    .filter(([share]) => share > 0)
    .map(([share, words, ink]) => [`${percent(share)} ${words}`, 1.6, ink]);
  const sum = [[`std of z = ${shown(stdZ)}`, 1.6]];
  if (!model.get("simple")) sum.push([`\u221a${part.inputs} \u00d7 ${shown(std)}`, 1.1]);
  writeFacts(sheet, [...sum, ...facts], box, bell);
  return part.captions[position];
};
