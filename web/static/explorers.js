// Explorers on a page without a kernel: the picture of the notebooks, fed by shipped tables.
// A place in the page tells what it begins with, and which tables there are (see web/pages.py).
const root = document.documentElement.dataset.content_root ?? "./";
const waiting = new Map();
const fetched = new Map();

// What each table's script calls.
window.initlabTable = (name, head, packed) => waiting.get(name)?.(unpack(head, packed));

async function unpack(head, packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { ...head, table: picture.decode(new DataView(await new Response(inflated).arrayBuffer())) };
}

// A script and not fetch(): a page that is opened from a folder may not read files.
function tableOf(name, version) {
  if (!fetched.has(name)) {
    const found = new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `${root}tables/${name}.js?v=${version}`;
      // After the script has run, whatever it was: if it was the table, nothing is left to reject.
      script.onload = script.onerror = () => {
        reject(new Error(`no table ${name}`));
        waiting.delete(name);
        script.remove();
      };
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

const node = ballot.element;

// What fails leaves its still picture, or its question, and the others as they are.
function made(selector, make) {
  return [...document.querySelectorAll(selector)].flatMap((element) => {
    try {
      return [make(element)];
    } catch (error) {
      console.error(error);
      return [];
    }
  });
}

const numberIn = (label) => label.split(" (")[0];

// Where a number, or the name of one, stands on a slider; -1 if nowhere. A slider with names is one
// for the std, on a log axis: there, as in the notebooks, the nearest place will do.
function positionOf({ labels, names }, text) {
  const name = text.replaceAll("_", " ").replace(/^std /, "");
  if (Object.hasOwn(names, name)) return names[name];
  const exact = labels.findIndex((label) => numberIn(label) === text);
  const last = Number(numberIn(labels.at(-1)));
  const isOther = text !== "" && Number(text) >= 0 && Number(text) <= last;
  if (exact >= 0 || !isOther || !Object.keys(names).length) return exact;
  // 0 is as far below 0.01 as 0.04 is above.
  const far = (value) => Math.abs(Math.log(Math.max(value, 0.0025) / Math.max(Number(text), 0.0025)));
  const all = labels.map((label) => far(Number(numberIn(label))));
  return all.indexOf(Math.min(...all));
}

const SLIDERS = {
  TrainingExplorer: [],
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
    this.given = new Set(); // the names in the state that was asked for last
    this.build();
    picture.initialize({ model: this.model });
  }

  // Everything is made at once, and shown when the first table is there: the still picture of the
  // notebook stays until then.
  build() {
    const { kind, controls, fixed, number, bare } = this.told;
    this.inputs = {};
    this.sliders = (SLIDERS[kind] ?? [["std", "std"]]).map(
      ([name, label], index) => this.slider(name, label, index),
    );
    const below = [];
    const rows = this.sides.map((side, index) => {
      const own = kind === "CompareExplorer" ? ["activation", "initializer"] : [];
      const selects = controls
        .filter(({ name }) => (own.length ? own.includes(name) : true))
        .map((one) => this.select(`${one.name}${side}`, one));
      const sliders = kind === "PhaseExplorer" ? this.sliders : this.sliders.slice(index, index + 1);
      const beside = kind === "CompareExplorer" ? selects : [];
      if (!beside.length) below.push(...selects);
      return node("div", { className: "initlab-row" }, ...sliders.map((one) => one.box), ...beside);
    });
    const last = node("div", { className: "initlab-row" }, ...below, ...this.buttons());
    const link = node("button", { type: "button", textContent: "copy link" });
    link.title = "a link to what is set here";
    link.onclick = () => this.copyLink(link);
    last.append(link);
    this.box = node("div", { className: "initlab-explorer" }, ...rows, last, this.stage);
    if (fixed.length && !bare) {
      const words = `Fixed on this page: ${fixed.join(", ")}. To change these, `;
      const how = node("a", { href: `${root}run.html`, textContent: "run the notebook" });
      this.box.append(node("p", { className: "initlab-fixed" }, words, how, "."));
    }
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", `explorer ${number}`);
  }

  slider(name, label, index) {
    const input = node("input", { type: "range", min: 0, max: 0, step: 1 });
    const readout = node("span", { className: "initlab-readout" });
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
    one.readout.textContent = this.told.bare ? numberIn(label) : label;
    one.input.setAttribute("aria-valuetext", one.readout.textContent);
    this.state[one.name] = numberIn(label);
    if (this.isPlacing) return;
    this.say("");
    this.changed();
  }

  select(name, { label, options }) {
    const box = node("select", {}, ...options.map((value) => {
      return node("option", { value, textContent: value.replaceAll("_", " ") });
    }));
    box.value = this.state[name];
    box.onchange = () => {
      this.restore({ [name]: box.value });
      this.changed();
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
      this.state[name] = this.state[name] === "True" ? "False" : "True";
      this.model.set(trait, this.state[name] === "True");
      this.changed();
    });
    const follow = () => made.setAttribute("aria-pressed", this.state[name] === "True");
    this.model.on(`change:${trait}`, follow);
    follow();
    return made;
  }

  buttons() {
    const { kind, bare } = this.told;
    const made = [];
    if (kind === "CompareExplorer") {
      made.push(
        this.button("swap A and B", "A becomes B, and B becomes A", () => this.swap()),
        this.toggle("lock", "move both sliders, keep the ratio of the stds", "locked", "lock"),
        this.toggle("difference", "draw B minus A, bin by bin", "difference", "difference"),
      );
    }
    if (!bare) made.push(this.button("reset", "back to how it began", () => this.reset()));
    return made;
  }

  reset() {
    this.restore(this.first);
    this.changed();
  }

  swap() {
    const wanted = {};
    for (const name of ["std", "activation", "initializer"]) {
      wanted[name] = this.state[`${name}_b`];
      wanted[`${name}_b`] = this.state[name];
    }
    this.restore(wanted);
    this.changed();
  }

  // The names of the tables for the present state, one a side.
  names() {
    const { state, told } = this;
    return this.sides.map((side) => {
      const values = told.controls.map(({ name }) => state[`${name}${side}`] ?? state[name]);
      return told.tables[values.join(" ")];
    });
  }

  // Show the present state; what is on its way is not drawn once something else was asked for.
  async show() {
    const asked = {};
    this.asked = asked;
    this.showInputs();
    this.box.setAttribute("aria-busy", "true");
    try {
      const found = await Promise.all(this.names().map((name) => this.tableOf(name)));
      if (this.asked === asked) this.place(found);
    } catch {
      if (this.asked === asked) this.fail();
    }
  }

  showInputs() {
    for (const [name, box] of Object.entries(this.inputs)) box.value = this.state[name];
  }

  tableOf(name) {
    return tableOf(name, this.told.version);
  }

  // What could not be fetched leaves the picture as it was, if there is one.
  fail() {
    const words = "This picture could not be fetched.";
    this.box.removeAttribute("aria-busy");
    if (!this.isOpen) {
      const again = this.button("try again", "", () => this.show());
      this.notice?.remove();
      this.notice = node("p", { className: "initlab-fixed", role: "status" }, `${words} `, again);
      this.element.append(this.notice);
      return;
    }
    for (const name of Object.keys(this.inputs)) this.state[name] = this.shown[name];
    this.showInputs();
    this.changed();
    this.say(words);
  }

  say(words) {
    this.model.set("message", words);
  }

  place(found) {
    this.isPlacing = true;
    this.model.set("locked", false);
    const tables = found.map(({ table }) => table);
    this.sliders.forEach((one, index) => {
      const { sliders } = found[Math.min(index, found.length - 1)];
      const told = sliders.length > 1 ? sliders[index] : sliders[0];
      const name = this.given.has(one.name) ? undefined : this.nameAt(one);
      [one.labels, one.named] = [told.labels, told.names];
      one.input.max = told.labels.length - 1;
      const offered = this.told.bare ? [] : Object.entries(told.names);
      offered.sort(([, here], [, there]) => here - there);
      one.names.replaceChildren(...offered.map(([name, at]) => {
        return this.button(name, `std ${name}`, () => this.model.set(one.trait, at));
      }));
      one.at = positionOf(told, name ?? this.state[one.name]);
      if (one.at < 0) one.at = Math.max(0, positionOf(told, this.first[one.name]));
    });
    this.say("");
    this.model.set("positions", this.sliders[0].labels.length);
    // The old table may be shorter than the new position: it goes first.
    this.model.set("table", null);
    for (const one of this.sliders) {
      this.model.set(one.trait, one.at);
      this.moved(one);
    }
    const parts = tables.flatMap((table) => table.parts);
    this.model.set("table", { ...tables[0], parts });
    this.model.set("difference", this.state.difference === "True");
    this.model.set("locked", this.state.lock === "True");
    this.shown = { ...this.state };
    this.isPlacing = false;
    this.box.removeAttribute("aria-busy");
    this.open();
  }

  // The name of the place that a slider shows: where the widths differ, it is kept, not the number.
  nameAt({ name, trait, labels, named }) {
    const at = this.model.get(trait);
    if (this.told.bare || !labels || numberIn(labels[at]) !== this.state[name]) return undefined;
    return Object.keys(named).find((one) => named[one] === at);
  }

  // In place of the still picture.
  open() {
    if (this.isOpen) return;
    this.isOpen = true;
    this.element.replaceChildren(this.box);
    picture.render({ model: this.model, el: this.stage });
  }

  // Take from a state, or from an address, what this place can show.
  restore(wanted) {
    this.given = new Set(Object.keys(wanted));
    let isWhole = true;
    for (const [name, value] of Object.entries(wanted)) {
      const control = this.told.controls.find((one) => one.name === name.replace(/_b$/, ""));
      const isSlider = this.sliders.some((one) => one.name === name);
      const isToggle = ["lock", "difference"].includes(name) && ["True", "False"].includes(value);
      const isKnown = Object.hasOwn(this.first, name) && typeof value === "string";
      if (isKnown && (isSlider || isToggle || control?.options.includes(value))) {
        this.state[name] = value;
      } else isWhole &&= this.first[name] === value;
    }
    return this.show().then(() => {
      if (!isWhole) this.say("Not all that the address asks for is on this page.");
    });
  }

  get address() {
    return `#explorer-${this.told.number}&${new URLSearchParams(this.state)}`;
  }

  // The address follows when the hand rests.
  changed() {
    clearTimeout(this.pause);
    this.pause = setTimeout(() => history.replaceState(null, "", this.address), 400);
  }

  copyLink(button) {
    history.replaceState(null, "", this.address);
    const tell = (words) => {
      button.textContent = words;
      setTimeout(() => { button.textContent = "copy link"; }, 2500);
    };
    const missing = () => tell("it is the address of this page");
    if (!navigator.clipboard) missing();
    else navigator.clipboard.writeText(location.href).then(() => tell("copied"), missing);
  }
}

// The curves of trainings that were recorded when the page was built.
class Training extends Place {
  run = null; // the last one
  kept = [];

  buttons() {
    const drop = () => {
      this.kept = [];
      this.show();
    };
    return [
      this.button("train", "let the recorded training run", () => this.train()),
      this.button("stop", "end it here", () => this.stop()),
      this.button("keep", "keep this curve for comparison", () => this.keep()),
      this.button("forget", "drop the curves that were kept", drop),
      ...super.buttons(),
    ];
  }

  async train() {
    const wish = {};
    this.wish = wish;
    const [name] = this.names();
    let found;
    try {
      found = await this.tableOf(name);
    } catch {
      this.say("This training could not be fetched.");
      return;
    }
    // It may have been stopped by now, or another one chosen.
    if (this.wish !== wish || this.names()[0] !== name) return;
    cancelAnimationFrame(this.frame);
    this.run = { name, found, share: 0, began: performance.now() };
    // A recorded training takes three seconds, however long it took; or none.
    const seconds = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 3;
    const grow = (now) => {
      this.run.share = Math.min(1, seconds ? (now - this.run.began) / 1000 / seconds : 1);
      this.show();
      if (this.run.share < 1) this.frame = requestAnimationFrame(grow);
    };
    grow(this.run.began);
  }

  stop() {
    this.wish = null;
    cancelAnimationFrame(this.frame);
  }

  keep() {
    const { run } = this;
    if (run && !this.kept.includes(run)) this.kept = [...this.kept, run].slice(-5);
    this.show();
  }

  reset() {
    this.stop();
    this.run = null;
    this.kept = [];
    super.reset();
  }

  async show() {
    this.asked = true;
    this.showInputs();
    this.open();
    const now = this.run && !this.kept.includes(this.run) ? [this.run] : [];
    const runs = [...this.kept, ...now];
    const spare = ["blue", "orange", "red", "green", "purple", "sky", "black"];
    const taken = [];
    // A curve and its caption tell of the same moment.
    const momentOf = ({ found, share }) => Math.floor(share * (found.captions.length - 1));
    const parts = runs.map((run) => {
      const [part] = run.found.table.parts;
      const isNew = !taken.includes(part.color);
      const color = isNew ? part.color : spare.find((one) => !taken.includes(one));
      taken.push(color);
      const last = run.found.captions.length - 1;
      const done = Math.floor((part.loss.length * momentOf(run)) / last);
      const diverged = run.share < 1 ? null : part.diverged_at;
      return { ...part, color, loss: part.loss.slice(0, done), diverged_at: diverged };
    });
    const { start, rate, steps } = this.state;
    const isOfThis = this.run?.name === this.names()[0];
    const words = isOfThis
      ? `${this.run.found.captions[momentOf(this.run)]} (Recorded.)`
      : `${start.replaceAll("_", " ")}, rate ${rate}: press train to see a recorded training.`;
    const longest = Math.max(Number(steps), ...runs.map(({ found }) => found.table.steps));
    const std = this.run?.found.table.std ?? 0;
    this.say("");
    const table = { kind: "curves", std, chance: Math.log(10), steps: longest, parts, caption: words };
    this.model.set("table", table);
  }
}

const places = made(".initlab-place", (one) => {
  return one.dataset.kind === "TrainingExplorer" ? new Training(one) : new Place(one);
});

// An address names an explorer of the page, and what it shows.
function goToAddress() {
  for (const { pause } of places) clearTimeout(pause); // the new address stays
  const [, number, values] = location.hash.match(/^#explorer-(\d+)&(.*)$/) ?? [];
  const place = places.find(({ told }) => told.number === Number(number));
  if (!place) return;
  place.restore(Object.fromEntries(new URLSearchParams(values)));
  place.element.scrollIntoView({ block: "center", behavior: "instant" });
}

for (const place of places) {
  // Each table is asked for when its place comes near.
  const near = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    near.disconnect();
    if (!place.asked) place.show();
  }, { rootMargin: "600px" });
  near.observe(place.element);
}
addEventListener("hashchange", goToAddress);
addEventListener("load", goToAddress);
