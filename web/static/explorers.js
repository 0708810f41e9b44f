// Explorers on a page without a kernel: the picture of the notebooks, fed by shipped tables.
// A place in the page tells what it begins with, and which tables there are (see web/pages.py).
const root = document.documentElement.dataset.content_root ?? "./";
const waiting = new Map();
const fetched = new Map();

// What each table's script calls.
window.initlabTable = (name, head, packed) => waiting.get(name)(unpack(head, packed));

async function unpack(head, packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { ...head, table: picture.decode(new DataView(await new Response(inflated).arrayBuffer())) };
}

// A script and not fetch(): a page that is opened from a folder may not read files.
function tableOf(name) {
  if (!fetched.has(name)) {
    const found = new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `${root}tables/${name}.js`;
      script.onerror = () => reject(new Error(name));
      document.head.append(script);
    });
    fetched.set(name, found);
    found.catch(() => fetched.delete(name));
  }
  return fetched.get(name);
}

// As much of a widget's model as the drawing scripts ask for.
function modelOf(values) {
  const handlers = new Map();
  const each = (names, act) => names.split(" ").forEach(act);
  return {
    get: (name) => values[name],
    set(name, value) {
      if (values[name] === value) return;
      values[name] = value;
      for (const event of [`change:${name}`, "change"]) {
        for (const handler of [...(handlers.get(event) ?? [])]) handler();
      }
    },
    on: (names, handler) => each(names, (name) => {
      handlers.set(name, [...(handlers.get(name) ?? []), handler]);
    }),
    off: (names, handler) => each(names, (name) => {
      handlers.set(name, (handlers.get(name) ?? []).filter((one) => one !== handler));
    }),
    save_changes() {},
  };
}

function node(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const numberIn = (label) => label.split(" (")[0];

// Where a number, or the name of one, stands on a slider; -1 if nowhere.
function positionOf({ labels, names }, text) {
  const name = text.replaceAll("_", " ").replace(/^std /, "");
  if (name in names) return names[name];
  const exact = labels.findIndex((label) => numberIn(label) === text);
  if (exact >= 0 || !Number.isFinite(Number(text))) return exact;
  // As in the notebooks: the nearest, by ratio; 0 is as far below 0.01 as 0.04 is above.
  const far = (value) => Math.abs(Math.log(Math.max(value, 0.0025) / Math.max(Number(text), 0.0025)));
  const all = labels.map((label) => far(Number(numberIn(label))));
  return all.indexOf(Math.min(...all));
}

const SLIDERS = {
  CompareExplorer: [["std", "A: std"], ["std_b", "B: std"]],
  PhaseExplorer: [["sigma_w", "sigma_w"], ["sigma_b", "sigma_b"]],
};

class Place {
  constructor(element) {
    this.told = JSON.parse(element.querySelector("script").textContent);
    this.first = { ...this.told.state };
    this.state = { ...this.first };
    this.sides = this.told.kind === "CompareExplorer" ? ["", "_b"] : [""];
    this.model = modelOf({
      table: null,
      position: 0,
      position_b: 0,
      positions: 0,
      locked: this.state.lock === "True",
      difference: this.state.difference === "True",
      simple: this.told.simple,
      message: "",
    });
    this.element = element;
    this.stage = node("div");
    this.build();
    picture.initialize({ model: this.model });
  }

  // Everything is made at once, and shown when the first table is there: the still picture of the
  // notebook stays until then.
  build() {
    const { kind, controls, fixed, number, simple } = this.told;
    this.inputs = {};
    this.sliders = this.isTraining ? [] : (SLIDERS[kind] ?? [["std", "std"]]).map(
      ([name, label], index) => this.slider(name, label, index),
    );
    const rows = this.sides.map((side, index) => {
      const own = kind === "CompareExplorer" ? ["activation", "initializer"] : [];
      const selects = controls
        .filter(({ name }) => (own.length ? own.includes(name) : true))
        .map((one) => this.select(`${one.name}${side}`, one));
      const sliders = kind === "PhaseExplorer" ? this.sliders : this.sliders.slice(index, index + 1);
      return node("div", { className: "initlab-row" }, ...sliders.map((one) => one.box), ...selects);
    });
    const last = node("div", { className: "initlab-row" }, ...this.buttons());
    if (!simple) {
      const link = node("button", { type: "button", textContent: "copy link" });
      link.title = "a link that shows exactly this picture";
      link.onclick = () => this.copyLink(link);
      last.append(link);
    }
    this.box = node("div", { className: "initlab-explorer" }, ...rows, last, this.stage);
    if (fixed.length && !simple) {
      const words = `Fixed on this page: ${fixed.join(", ")}. To change these, `;
      const how = node("a", { href: `${root}run.html`, textContent: "run the notebook" });
      this.box.append(node("p", { className: "initlab-fixed" }, words, how, "."));
    }
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", `explorer ${number}`);
  }

  get isTraining() {
    return this.told.kind === "TrainingExplorer";
  }

  slider(name, label, index) {
    const input = node("input", { type: "range", min: 0, max: 0, step: 1 });
    const readout = node("output");
    const trait = index ? "position_b" : "position";
    input.oninput = () => this.model.set(trait, Number(input.value));
    const one = { name, input, readout, trait, names: node("span", { className: "initlab-names" }) };
    one.box = node("div", { className: "initlab-slide" }, node("label", {}, label, input), readout);
    if (this.told.kind !== "PhaseExplorer") one.box.append(one.names);
    this.model.on(`change:${trait}`, () => this.moved(one));
    return one;
  }

  moved(one) {
    const label = one.labels[this.model.get(one.trait)];
    one.input.value = this.model.get(one.trait);
    one.readout.textContent = this.told.simple ? numberIn(label) : label;
    one.input.setAttribute("aria-valuetext", one.readout.textContent);
    this.state[one.name] = numberIn(label);
    this.changed();
  }

  select(name, { label, options }) {
    const box = node("select", {}, ...options.map((value) => {
      return node("option", { value, textContent: value.replaceAll("_", " ") });
    }));
    box.value = this.state[name];
    box.onchange = () => {
      this.state[name] = box.value;
      this.show();
    };
    this.inputs[name] = box;
    return node("label", {}, `${label} `, box);
  }

  button(words, title, act) {
    const made = node("button", { type: "button", textContent: words, title });
    made.onclick = act;
    return made;
  }

  toggle(words, title, trait, name) {
    const made = this.button(words, title, () => {
      this.model.set(trait, !this.model.get(trait));
    });
    const follow = () => {
      made.setAttribute("aria-pressed", this.model.get(trait));
      this.state[name] = this.model.get(trait) ? "True" : "False";
      this.changed();
    };
    made.setAttribute("aria-pressed", this.model.get(trait));
    this.model.on(`change:${trait}`, follow);
    return made;
  }

  buttons() {
    const { kind, simple } = this.told;
    const made = [];
    if (kind === "CompareExplorer") {
      made.push(
        this.button("swap A and B", "A becomes B, and B becomes A", () => this.swap()),
        this.toggle("lock", "move both sliders, keep the ratio of the stds", "locked", "lock"),
        this.toggle("difference", "draw B minus A, bin by bin", "difference", "difference"),
      );
    }
    if (this.isTraining) made.push(...this.trainingButtons());
    const back = () => this.restore(this.first);
    if (!simple) made.push(this.button("reset", "back to how it began", back));
    return made;
  }

  swap() {
    const wanted = {};
    for (const name of ["std", "activation", "initializer"]) {
      wanted[name] = this.state[`${name}_b`];
      wanted[`${name}_b`] = this.state[name];
    }
    this.restore(wanted);
  }

  // The names of the tables for the present state, one a side.
  names(state = this.state) {
    return this.sides.map((side) => {
      const values = this.told.controls.map(({ name }) => state[`${name}${side}`] ?? state[name]);
      return this.told.tables[values.join(" ")];
    });
  }

  // Show the present state; what is on its way is not drawn once something else was asked for.
  async show() {
    const asked = JSON.stringify(this.state);
    this.asked = asked;
    for (const [name, box] of Object.entries(this.inputs)) box.value = this.state[name];
    const names = this.names();
    if (names.some((name) => !name)) {
      this.say("This combination is not on this page.");
      return;
    }
    if (this.isTraining) {
      this.showCurves();
      return;
    }
    let found;
    try {
      found = await Promise.all(names.map(tableOf));
    } catch {
      if (this.asked === asked) this.say("This picture could not be fetched.");
      return;
    }
    if (this.asked !== asked) return;
    this.place(found);
  }

  say(words) {
    this.model.set("message", words);
  }

  place(found) {
    const locked = this.model.get("locked");
    this.model.set("locked", false);
    const tables = found.map(({ table }) => table);
    this.sliders.forEach((one, index) => {
      const { sliders } = found[Math.min(index, found.length - 1)];
      const told = sliders.length > 1 ? sliders[index] : sliders[0];
      one.labels = told.labels;
      one.input.max = told.labels.length - 1;
      const offered = this.told.simple ? [] : Object.entries(told.names);
      one.names.replaceChildren(...offered.map(([name, at]) => {
        return this.button(name, `std ${name}`, () => this.model.set(one.trait, at));
      }));
      one.at = Math.max(0, positionOf(told, this.state[one.name]));
    });
    this.model.set("message", "");
    this.model.set("positions", this.sliders[0].labels.length);
    // The old table may be shorter than the new position: it goes first.
    this.model.set("table", null);
    for (const one of this.sliders) {
      this.model.set(one.trait, one.at);
      this.moved(one);
    }
    const parts = tables.flatMap((table) => table.parts);
    this.model.set("table", { ...tables[0], parts });
    this.model.set("locked", locked);
    this.open();
  }

  // In place of the still picture.
  open() {
    if (this.isOpen) return;
    this.isOpen = true;
    this.element.replaceChildren(this.box);
    picture.render({ model: this.model, el: this.stage });
  }

  restore(wanted) {
    const { kind, controls } = this.told;
    const known = Object.keys(this.first);
    const before = { ...this.state };
    for (const [name, value] of Object.entries(wanted)) {
      const control = controls.find((one) => one.name === name.replace(/_b$/, ""));
      const isFree = !control || control.options.includes(value);
      if (known.includes(name) && isFree) this.state[name] = value;
    }
    if (this.names().some((name) => !name)) this.state = before;
    if (kind === "CompareExplorer") {
      this.model.set("difference", this.state.difference === "True");
      this.model.set("locked", this.state.lock === "True");
    }
    return this.show();
  }

  get address() {
    const values = Object.entries(this.state).map(([name, value]) => `${name}=${value}`);
    return `#explorer-${this.told.number}&${values.join("&")}`;
  }

  // The address follows when the hand rests.
  changed() {
    if (!this.isOpen) return;
    clearTimeout(this.pause);
    this.pause = setTimeout(() => history.replaceState(null, "", this.address), 400);
  }

  copyLink(button) {
    history.replaceState(null, "", this.address);
    const done = () => {
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy link"; }, 1500);
    };
    navigator.clipboard?.writeText(location.href).then(done, () => {
      button.textContent = "it is the address of this page";
    });
  }

  // ---------------------------------------------------------------------------- recorded training

  trainingButtons() {
    this.kept = [];
    const drop = () => {
      this.kept = [];
      this.showCurves();
    };
    return [
      this.button("train", "let the recorded training run", () => this.train()),
      this.button("stop", "end it here", () => this.stop()),
      this.button("keep", "keep this curve for comparison", () => this.keep()),
      this.button("forget", "drop the curves that were kept", drop),
    ];
  }

  async train() {
    const [name] = this.names();
    if (!name) return;
    const found = await tableOf(name);
    cancelAnimationFrame(this.frame);
    this.run = { found, name, share: 0, began: performance.now() };
    const grow = (now) => {
      // A recorded training takes three seconds, however long it took.
      this.run.share = Math.min(1, (now - this.run.began) / 3000);
      this.showCurves();
      if (this.run.share < 1) this.frame = requestAnimationFrame(grow);
    };
    grow(this.run.began);
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }

  keep() {
    const { run } = this;
    if (run && !this.kept.includes(run)) this.kept = [...this.kept, run].slice(-5);
    this.showCurves();
  }

  showCurves() {
    this.open();
    const now = this.run && !this.kept.includes(this.run) ? [this.run] : [];
    const runs = [...this.kept, ...now];
    const spare = ["blue", "orange", "red", "green", "purple", "sky", "black"];
    const taken = [];
    const parts = runs.map(({ found, share }) => {
      const [part] = found.table.parts;
      const isNew = !taken.includes(part.color);
      const color = isNew ? part.color : spare.find((one) => !taken.includes(one));
      taken.push(color);
      const loss = part.loss.slice(0, Math.round(share * part.loss.length));
      return { ...part, color, loss, diverged_at: share < 1 ? null : part.diverged_at };
    });
    const { start, rate, steps } = this.state;
    const last = this.run?.found;
    const at = last ? Math.round(this.run.share * (last.captions.length - 1)) : 0;
    const words = last
      ? `${last.captions[at]} (Recorded.)`
      : `${start.replaceAll("_", " ")}, rate ${rate}: press train to see a recorded training.`;
    const longest = Math.max(Number(steps), ...runs.map(({ found }) => found.table.steps));
    const head = { kind: "curves", std: last?.table.std ?? 0, chance: Math.log(10) };
    this.say("");
    this.model.set("table", { ...head, steps: longest, parts, caption: words });
    this.changed();
  }
}

function wakeExplorers() {
  const places = [...document.querySelectorAll(".initlab-place")].map((one) => new Place(one));
  const [, number, values] = location.hash.match(/^#explorer-(\d+)&(.*)$/) ?? [];
  for (const place of places) {
    const isMeant = place.told.number === Number(number);
    const wanted = isMeant ? Object.fromEntries(values.split("&").map((one) => one.split("="))) : {};
    place.element.place = place;
    // Each table is asked for when its place comes near.
    const near = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      near.disconnect();
      place.restore(wanted);
    }, { rootMargin: "600px" });
    near.observe(place.element);
    if (isMeant) place.element.scrollIntoView({ block: "center" });
  }
}

wakeExplorers();
