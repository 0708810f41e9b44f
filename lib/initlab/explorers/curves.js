// Loss curves that grow while a network is trained.
DRAW.curves = function drawCurves(sheet, table) {
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
  const beyond = table.parts.some(
    (part) => part.diverged_at !== null || part.loss.some((loss) => loss > ceiling),
  );
  sheet.font(type * 0.9);
  for (let level = 0; level <= ceiling; level += 1) {
    context.fillStyle = sheet.faint;
    context.fillRect(box.left, y(level), box.right - box.left, 1);
    const mark = level === ceiling && beyond ? `\u2265 ${level}` : String(level);
    sheet.text(mark, box.left - 8, y(level), "right", sheet.ink, "middle");
  }
  sheet.text("loss", 2, box.top - type * 0.9, "left");
  for (let part = 0; part <= 5; part += 1) {
    const step = Math.round((table.steps * part) / 5);
    sheet.text(String(step), Math.min(x(step), box.right - type), box.bottom + type * 1.2);
  }
  sheet.text("step", (box.left + box.right) / 2, box.bottom + type * 2.4);
  const guessing = [[box.left, y(table.chance)], [box.right, y(table.chance)]];
  sheet.line(guessing, sheet.ink, 1.5, [2, 5]);
  sheet.text("guessing", box.right, y(table.chance) - 5, "right");
  const current = table.parts.length - 1;
  table.parts.forEach((part, index) => {
    const color = sheet.color[part.color];
    const dashes = part.dashed ? [12, 7] : [];
    // What is higher than the picture runs along its upper edge.
    const points = Array.from(part.loss, (loss, step) => {
      return [x(step + 1), y(Number.isFinite(loss) ? Math.min(loss, ceiling) : ceiling)];
    });
    sheet.clip(box, 4, () => sheet.line(points, color, index === current ? 4.5 : 2.5, dashes));
    if (part.diverged_at !== null) {
      const [middle, arm] = [Math.max(x(part.diverged_at), box.left + type * 0.5), type * 0.4];
      for (const up of [arm, -arm]) {
        sheet.line([[middle - arm, box.top - up], [middle + arm, box.top + up]], color, 4);
      }
    }
    const line = type * 1.1 + index * type * 1.4;
    const sample = [0, 3].map((far) => [box.left + far * type, line - type * 0.35]);
    sheet.line(sample, color, index === current ? 7 : 4, dashes);
    const { length } = part.loss;
    let at = length ? `: ${shown(part.loss[length - 1])} at step ${length}` : "";
    if (part.diverged_at !== null) at = `: overflow at step ${part.diverged_at}`;
    const [words, start] = [`${part.name}${at}`, box.left + type * 3.6];
    const room = (sheet.width - start) / sheet.wide(words, type, "bold");
    sheet.font(Math.floor(type * Math.min(1, room)), "bold");
    sheet.text(words, start, line, "left");
  });
  const step = table.parts.at(-1)?.loss.length ?? 0;
  Object.assign(canvas.dataset, { std: table.std, step, ready: true });
  return table.caption;
};
