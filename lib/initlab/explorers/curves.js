// Loss curves that grow while a network is trained.
DRAW.curves = function drawCurves(sheet, table) {
  sheet.type = Math.max(12, Math.min(22, sheet.width / 68));
  const { context, type, canvas } = sheet;
  const legend = Math.max(1, table.parts.length) * type * 1.4;
  const high = Math.max(260, Math.min(420, sheet.width / 3.6));
  sheet.size(legend + high + type * 3.2);
  const box = {
    left: type * 3.6,
    right: sheet.width - 12,
    top: legend + type * 0.8,
    bottom: legend + high,
  };
  const ceiling = 3;
  const x = (step) => box.left + (step / table.steps) * (box.right - box.left);
  const y = (loss) => box.bottom - (loss / ceiling) * (box.bottom - box.top);
  sheet.font(type * 0.9);
  for (let level = 0; level <= ceiling; level += 1) {
    context.fillStyle = sheet.faint;
    context.fillRect(box.left, y(level), box.right - box.left, 1);
    sheet.text(String(level), box.left - 8, y(level), "right", sheet.ink, "middle");
  }
  sheet.text("loss", 2, box.top - type * 0.3, "left");
  for (let part = 0; part <= 5; part += 1) {
    const step = Math.round((table.steps * part) / 5);
    sheet.text(String(step), Math.min(x(step), box.right - type), box.bottom + type * 1.2);
  }
  sheet.text("step", (box.left + box.right) / 2, box.bottom + type * 2.4);
  context.strokeStyle = sheet.ink;
  context.lineWidth = 1.5;
  context.setLineDash([2, 5]);
  context.beginPath();
  context.moveTo(box.left, y(table.chance));
  context.lineTo(box.right, y(table.chance));
  context.stroke();
  context.setLineDash([]);
  sheet.text("all digits equally likely", box.right, y(table.chance) - 5, "right");
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 4, box.right - box.left, box.bottom - box.top + 8);
  context.clip();
  for (const part of table.parts) {
    context.strokeStyle = sheet.color[part.color];
    context.lineWidth = 3.5;
    context.setLineDash(part.dashed ? [12, 7] : []);
    context.beginPath();
    part.loss.forEach((loss, step) => {
      const height = Number.isFinite(loss) ? y(Math.min(loss, 10 * ceiling)) : box.top - 10;
      if (step === 0) context.moveTo(x(step + 1), height);
      else context.lineTo(x(step + 1), height);
    });
    context.stroke();
  }
  context.restore();
  context.setLineDash([]);
  table.parts.forEach((part, index) => {
    const line = type * 1.1 + index * type * 1.4;
    context.strokeStyle = sheet.color[part.color];
    context.lineWidth = 5;
    context.setLineDash(part.dashed ? [12, 7] : []);
    context.beginPath();
    context.moveTo(box.left, line - type * 0.35);
    context.lineTo(box.left + type * 3, line - type * 0.35);
    context.stroke();
    context.setLineDash([]);
    const last = part.loss.length ? part.loss[part.loss.length - 1] : NaN;
    const at = part.loss.length ? `: ${shown(last)} at step ${part.loss.length}` : "";
    sheet.font(type, "bold");
    sheet.text(`${part.name}${at}`, box.left + type * 3.6, line, "left");
  });
  const current = table.parts[table.parts.length - 1];
  canvas.dataset.std = String(table.std);
  canvas.dataset.step = String(current ? current.loss.length : 0);
  canvas.dataset.ready = "true";
  return table.caption;
};
