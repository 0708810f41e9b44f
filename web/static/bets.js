// Bets on a page: the ballot of the notebooks, kept by the reader's own browser. What was measured
// is hidden until one has bet.
const KEPT = "initlab-bets";

function readBets() {
  try {
    const kept = Object.entries(JSON.parse(localStorage.getItem(KEPT)) ?? {});
    return Object.fromEntries(kept.filter(([, bet]) => bet !== null && typeof bet === "object"));
  } catch {
    return {}; // kept by no browser, or by one that may not
  }
}

function writeBets(bets) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(bets));
  } catch {
    // then a bet lasts as long as the page
  }
}

const memory = readBets();

const article = document.querySelector("article");

class Bet {
  constructor(element) {
    this.told = JSON.parse(element.querySelector("script").textContent);
    this.key = `${this.told.page} ${this.told.id}`;
    const { question, choices, unit } = this.told;
    const kept = memory[this.key]?.answer ?? null;
    // A bet whose answers are others by now is no bet.
    const isChoice = choices.some(([letter]) => letter === kept);
    if (kept !== null && !(choices.length ? isChoice : Number.isFinite(kept))) {
      delete memory[this.key];
    }
    const answer = memory[this.key]?.answer ?? "";
    this.model = modelOf({
      question, choices, unit, answer: String(answer), commits: 0, message: "", settled: "",
    });
    this.model.on("change:commits", () => this.commit());
    this.element = element;
    const form = node("div");
    element.replaceChildren(form);
    ballot.render({ model: this.model, el: form });
    const look = node("button", { type: "button", textContent: "show it without a bet" });
    look.onclick = () => this.settle(null);
    this.look = node("p", { className: "initlab-look" }, look);
    element.append(this.look);
    if (memory[this.key]) this.tell();
  }

  get isOpen() {
    return !memory[this.key];
  }

  commit() {
    const { choices } = this.told;
    const typed = this.model.get("answer").trim().replace(/,(?=\d{3}\b)/g, "");
    const number = typed === "" ? NaN : Number(typed);
    if (choices.length ? !typed : !Number.isFinite(number)) {
      const words = choices.length
        ? "Choose an answer first, with the mouse or with the arrows."
        : "Type a number, such as 1500 or 0.25.";
      this.model.set("message", words);
      return;
    }
    this.settle(choices.length ? typed : number);
  }

  settle(answer) {
    Object.assign(memory, readBets()); // another page may have written, too
    memory[this.key] = { answer, won: answer !== null && this.isRight(answer) };
    writeBets(memory);
    this.tell();
    showMeasured();
    const result = this.element.querySelector("pre");
    result.tabIndex = -1;
    result.focus();
  }

  isRight(answer) {
    const { choices, answer: measured, low, high } = this.told;
    return choices.length ? answer === measured : low <= answer && answer <= high;
  }

  // As Prediction in the notebooks.
  comment(answer) {
    const { answer: measured, choices, spread } = this.told;
    if (this.isRight(answer)) {
      return `You knew it${spread ? ": your bet lies within the spread" : ""}. Can you say why?`;
    }
    const [small, large] = [answer, measured].map(Math.abs).sort((one, other) => one - other);
    const factor = choices.length || answer * measured <= 0 ? 1 : large / small;
    const rounded = Number(Number(factor.toPrecision(2)).toPrecision(3)).toLocaleString("en-US");
    const off = factor >= 1.5 ? ` You were off by a factor of ${rounded}.` : "";
    return `Not what you expected: look closely at what comes next.${off}`;
  }

  tell() {
    const { question, choices, unit, said } = this.told;
    const { answer } = memory[this.key];
    const lines = [question];
    if (answer !== null) {
      const text = choices.length
        ? `(${answer}): ${choices.find(([letter]) => letter === answer)[1]}`
        : `: ${answer.toLocaleString("en-US", { maximumFractionDigits: 20 })}${unit && ` ${unit}`}`;
      lines.push(choices.length ? `You bet ${text}` : `You bet${text}`);
    }
    lines.push(said);
    if (answer !== null) {
      lines.push(this.comment(answer));
    }
    this.look.hidden = true;
    const mark = answer === null ? "" : this.isRight(answer) ? "initlab-won" : "initlab-lost";
    if (mark) this.element.classList.add(mark);
    this.model.set("settled", lines.join("\n"));
  }
}

// Many claims at once, each with the same answers: a vote, until the board shows their verdicts.
class Sheet {
  constructor(element) {
    this.told = JSON.parse(element.querySelector("script").textContent);
    this.key = `${this.told.page} ${this.told.id}`;
    this.element = element;
    if (typeof (memory[this.key]?.answer ?? {}) !== "object") delete memory[this.key];
    this.message = node("span", { role: "status" });
    const look = node("button", { type: "button", textContent: "show it without a vote" });
    look.onclick = () => this.settle(null);
    const commit = node("button", { textContent: "commit", title: "cast your votes" });
    this.last = node("p", { className: "initlab-look" }, commit, look);
    const claims = this.told.claims.map((claim) => this.claim(claim));
    this.form = node("form", { autocomplete: "off" }, ...claims, this.last, this.message);
    this.form.onsubmit = (event) => {
      event.preventDefault();
      const votes = Object.fromEntries(new FormData(this.form));
      if (Object.keys(votes).length) this.settle(votes);
      else this.message.textContent = "Mark a claim first, with the mouse or with the arrows.";
    };
    element.replaceChildren(this.form);
    if (memory[this.key]) this.tell();
  }

  claim({ number, text, parts }) {
    const radios = this.told.answers.map((value) =>
      node("label", {}, node("input", { type: "radio", name: number, value }), ` ${value}`));
    const cut = parts.map((part) => node("small", { textContent: part }));
    const question = node("legend", {}, node("b", { textContent: number }), ` ${text}`);
    return node("fieldset", {}, question, ...cut, node("div", {}, ...radios));
  }

  get isOpen() {
    return !memory[this.key];
  }

  settle(answer) {
    Object.assign(memory, readBets());
    memory[this.key] = { answer };
    writeBets(memory);
    this.tell();
    showMeasured();
    this.message.tabIndex = -1;
    this.message.focus();
  }

  tell() {
    const votes = memory[this.key].answer ?? {};
    let [cast, right] = [0, 0];
    const fields = [...this.form.querySelectorAll("fieldset")];
    this.told.claims.forEach(({ number, verdict }, place) => {
      const [field, vote] = [fields[place], votes[number]];
      const chosen = [...field.querySelectorAll("input")].find((one) => one.value === vote);
      field.disabled = true;
      field.append(node("output", { textContent: `The board: ${verdict}.` }));
      if (!chosen) return;
      chosen.checked = true;
      cast += 1;
      right += vote === verdict;
      field.classList.add(vote === verdict ? "initlab-won" : "initlab-lost");
    });
    this.last.hidden = true;
    this.message.textContent = cast ? `Votes that were right: ${right} of ${cast}.` : "No votes.";
  }
}

const bets = [...document.querySelectorAll(".initlab-bet-place")].map((one) => new Bet(one));
bets.push(...[...document.querySelectorAll(".initlab-sheet-place")].map((one) => new Sheet(one)));

// An output is hidden as long as a bet on it is open, and with it the rest of the page, which tells
// what came out. Who follows a link into the rest has asked for it.
let isRestOpen = false;

function showMeasured() {
  const open = bets.filter((bet) => bet.isOpen);
  for (const one of document.querySelectorAll(".initlab-hidden, .initlab-closed, .initlab-end")) {
    one.classList.remove("initlab-hidden", "initlab-closed", "initlab-end");
  }
  const waiting = open.map(({ told }) => `.tag_until-${told.id}`).join();
  const cells = waiting ? [...document.querySelectorAll(waiting)] : [];
  for (const cell of cells) cell.classList.add("initlab-hidden");
  const [first] = cells;
  if (first && !isRestOpen) {
    first.classList.add("initlab-end");
    for (let one = first; one.parentElement !== article; one = one.parentElement) {
      for (let next = one.nextElementSibling; next; next = next.nextElementSibling) {
        next.classList.add("initlab-closed");
      }
    }
  }
  // Neither what was shown without a bet, nor the votes of a sheet.
  const all = Object.values(memory).filter(({ answer }) => typeof answer !== "object");
  const won = all.filter((one) => one.won).length;
  for (const line of document.querySelectorAll(".initlab-score")) {
    line.hidden = !Object.keys(memory).length;
    line.firstChild.textContent = all.length ? `Bets won so far: ${won} of ${all.length}. ` : "";
  }
}

function scoreLine() {
  const again = node("button", { type: "button", textContent: "forget all bets" });
  again.onclick = () => {
    for (const key of Object.keys(memory)) delete memory[key];
    writeBets(memory);
    location.reload();
  };
  return node("p", { className: "initlab-score" }, "", again);
}

// On paper nothing can be opened, so it is printed open.
const folds = () => article.querySelectorAll("details:not(.hide, [open])");
addEventListener("beforeprint", () => folds().forEach((one) => {
  one.dataset.printed = one.open = true;
}));
addEventListener("afterprint", () => document.querySelectorAll("[data-printed]").forEach((one) => {
  delete one.dataset.printed;
  one.open = false;
}));

document.body.classList.add("initlab-ready");
function followLink() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1).split("&")[0]));
  if (!target?.closest(".initlab-closed")) return;
  isRestOpen = true;
  showMeasured();
  target.scrollIntoView({ behavior: "instant" });
}

if (bets.length) {
  const all = node("button", { type: "button", textContent: "show all measurements of this page" });
  all.onclick = () => bets.filter((bet) => bet.isOpen).forEach((bet) => bet.settle(null));
  const line = node("p", { className: "initlab-all" }, all);
  article.append(scoreLine(), line);
  showMeasured();
  addEventListener("hashchange", followLink);
  addEventListener("load", followLink);
}
