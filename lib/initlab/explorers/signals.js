// Sizes on a log axis: forward on the left, backward on the right, one dot a layer.
function logOf(value) {
  return value > 0 && Number.isFinite(value) ? Math.log10(value) : null;
}

// The axis snaps outwards in steps of three powers of ten, and is at least four wide.
function axisOf(values) {
  const logs = values.map(logOf).filter((value) => value !== null);
  let low = Math.min(-2, ...logs);
  let high = Math.max(1, ...logs);
  low = Math.max(3 * Math.floor(low / 3), -330);
  high = 3 * Math.ceil(high / 3);
  return [low, high];
}

function powerOfTen(power) {
  const digits = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079";
  const sign = power < 0 ? "\u207b" : "";
  return power === 0 ? "1" : `10${sign}${[...String(Math.abs(power))].map((d) => digits[d]).join("")}`;
}

function drawSizes(sheet, box, axis, measured, title) {
  const { context, type } = sheet;
  const { left, right, top, bottom } = box;
  const [low, high] = axis;
  const layers = measured.rms.length;
  const x = (layer) => left + ((layer + 0.7) / (layers + 0.4)) * (right - left);
  const y = (log) => bottom - ((log - low) / (high - low)) * (bottom - top);
  const step = 3 * Math.max(1, Math.ceil((high - low) / 3 / 6));
  sheet.font(type * 1.1, "bold");
  sheet.text(title, (left + right) / 2, top - type * 0.8);
  sheet.font(type * 0.9);
  for (let power = Math.ceil(low / step) * step; power <= high; power += step) {
    context.fillStyle = sheet.faint;
    context.fillRect(left, y(power), right - left, 1);
    sheet.text(powerOfTen(power), left - 8, y(power), "right", sheet.ink, "middle");
  }
  const every = Math.ceil(layers / 10);
  for (let layer = 0; layer < layers; layer += every) {
    sheet.text(String(layer + 1), x(layer), bottom + type * 1.2);
  }
  sheet.text("layer", (left + right) / 2, bottom + type * 2.4);
  context.save();
  context.beginPath();
  context.rect(left, top - 8, right - left, bottom - top + 16);
  context.clip();
  context.strokeStyle = measured.color;
  context.globalAlpha = 0.55;
  context.lineWidth = 4;
  context.beginPath();
  let pen = false;
  measured.theory.forEach((value, layer) => {
    const log = logOf(value);
    if (log === null) pen = false;
    else {
      if (pen) context.lineTo(x(layer), y(log));
      else context.moveTo(x(layer), y(log));
      pen = true;
    }
  });
  context.stroke();
  context.globalAlpha = 1;
  context.restore();
  const size = Math.max(4, Math.min(8, type * 0.4));
  let lost = 0;
  for (let layer = 0; layer < layers; layer += 1) {
    const rms = logOf(measured.rms[layer]);
    const median = logOf(measured.median[layer]);
    if (!Number.isFinite(measured.rms[layer])) lost = lost || layer + 1;
    if (rms !== null) {
      context.fillStyle = measured.color;
      context.beginPath();
      context.arc(x(layer), y(rms), size, 0, 2 * Math.PI);
      context.fill();
    }
    if (median !== null) {
      context.strokeStyle = measured.color;
      context.lineWidth = 2.5;
      context.strokeRect(x(layer) - size, y(median) - size, 2 * size, 2 * size);
    }
  }
  const zeros = Array.from(measured.median).filter((value) => value === 0).length;
  if (lost) {
    sheet.note(`overflow from layer ${lost} on`, right - 4, top + type, type, "right", sheet.color.red);
  } else if (zeros) {
    const where = zeros === layers ? "every layer" : `${zeros} of ${layers} layers`;
    sheet.note(
      `median is 0 in ${where}`, right - 4, bottom - type * 0.5, type * 0.9, "right", sheet.color.red,
    );
  }
}

DRAW.signals = function drawSignals(sheet, table, model) {
  const part = table.parts[0];
  const position = model.get("position");
  sheet.type = Math.max(12, Math.min(22, sheet.width / 68));
  const type = sheet.type;
  const narrow = sheet.width < 640;
  const panel = Math.max(240, Math.min(400, sheet.width / 4));
  const high = panel + type * 6.2;
  sheet.size(narrow ? 2 * high : high);
  const canvas = sheet.canvas;
  canvas.dataset.std = String(part.stds[position]);
  canvas.dataset.ready = String(Boolean(part.ready[position]));
  if (!part.ready[position]) {
    sheet.font(type * 1.3, "bold");
    sheet.text(`std ${shown(part.stds[position])}: on its way ...`, sheet.width / 2, high / 2);
    return `std ${shown(part.stds[position])}: the kernel is computing this value.`;
  }
  const get = (name) => rowOf(part[name], position);
  const forward = {
    rms: get("forward_rms"),
    median: get("forward_median"),
    theory: get("predicted_forward_rms"),
    color: sheet.color.blue,
  };
  const backward = {
    rms: get("gradient_rms"),
    median: get("gradient_median"),
    theory: get("predicted_gradient_rms"),
    color: sheet.color.red,
  };
  const all = [forward, backward].flatMap((one) => [...one.rms, ...one.median]);
  const axis = axisOf(all);
  const margin = type * 4;
  const half = narrow ? sheet.width : sheet.width / 2;
  const box = (column, start) => ({
    left: column * half + margin,
    right: (column + 1) * half - 10,
    top: start + type * 2.4,
    bottom: start + type * 2.4 + panel,
  });
  drawSizes(sheet, box(0, 0), axis, forward, "activations, forward \u2192");
  const second = narrow ? box(0, high) : box(1, 0);
  drawSizes(sheet, second, axis, backward, "\u2190 gradients, backward");
  sheet.font(type * 0.9);
  sheet.text(
    "\u25cf RMS    \u25a1 median    \u2501 theory of the RMS", sheet.width / 2, high - type * 0.6,
  );
  return part.captions[position];
};
