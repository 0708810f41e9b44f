// The form of a bet, or the text that takes its place. The answer and the number of times that it
// was committed are state of one model: neither can overtake the other on its way to the kernel.
function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function input(properties) {
  const box = element("input", properties);
  // JupyterLab would take the arrows and Enter for its own commands.
  box.dataset.lmSuppressShortcuts = "true";
  return box;
}

function radio(model, [letter, text]) {
  const box = input({ type: "radio", name: "answer", value: letter });
  box.onchange = () => answer(model, letter);
  return element("label", {}, box, ` (${letter}) ${text}`);
}

function number(model) {
  const box = input({ type: "text", placeholder: "a number", ariaLabel: "a number" });
  box.oninput = () => answer(model, box.value);
  return element("label", {}, box, ` ${model.get("unit")}`);
}

function answer(model, value) {
  model.set("answer", value);
  model.save_changes();
}

function render({ model, el }) {
  const choices = model.get("choices");
  const answers = choices.length ? choices.map((choice) => radio(model, choice)) : [number(model)];
  const [message, text] = [element("span", { role: "status" }), element("pre")];
  const form = element(
    "form",
    { autocomplete: "off" },
    element("fieldset", {}, element("legend", { textContent: model.get("question") }), ...answers),
    element("button", { textContent: "commit", title: "place your bet" }),
    message,
  );
  // JupyterLab keeps Enter from submitting a form, but not from us.
  form.onkeydown = form.onsubmit = (event) => {
    if (event.type === "keydown" && event.key !== "Enter") return;
    event.preventDefault();
    model.set("commits", model.get("commits") + 1);
    model.save_changes();
  };
  const show = () => {
    const [chosen, settled] = [model.get("answer"), model.get("settled")];
    for (const box of form.querySelectorAll("input")) {
      if (box.type === "radio") box.checked = box.value === chosen;
      else if (box.value !== chosen) box.value = chosen;
    }
    message.textContent = model.get("message");
    text.textContent = settled;
    [form.hidden, text.hidden] = [Boolean(settled), !settled];
  };
  el.classList.add("initlab-bet");
  el.append(form, text);
  model.on("change", show);
  show();
  return () => model.off("change", show);
}

export default { render };
