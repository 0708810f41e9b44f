// Bets on a page: the ballot of the notebooks, and a sheet of claims, kept by the reader's own
// browser. What was measured is hidden until one has bet.
const KEPT = "initlab-bets";
const article = document.querySelector("article");

// By page and question: the answer (null if the measurement was only looked at), and whether it won.
let memory = {};
let isKeeping = true; // some browsers may not; then a bet lasts as long as the page

function readBets() {
  if (!isKeeping) return;
  try {
    const kept = Object.entries(JSON.parse(localStorage.getItem(KEPT)) ?? {});
    memory = Object.fromEntries(kept.filter(([, bet]) => bet && bet.answer !== undefined));
  } catch {
    // what is kept is no bets, or can't be read
  }
}

function writeBets() {
  try {
    localStorage.setItem(KEPT, JSON.stringify(memory));
  } catch {
    isKeeping = false;
  }
}

readBets();

class Question {
  constructor(element) {
    this.element = element;
    this.told = JSON.parse(element.querySelector("script").textContent);
    this.key = `${this.told.page} ${this.told.id}`;
    this.look = node("button", { type: "button" });
    this.look.onclick = () => this.settle(null);
  }

  // A bet whose answers are others by now is no bet.
  get isOpen() {
    const bet = memory[this.key];
    return !bet || (bet.answer !== null && !this.isAnswer(bet.answer));
  }

  // The first answer stands: there may be one already, from the same page in another tab.
  settle(answer) {
    readBets();
    if (this.isOpen) memory[this.key] = { answer, won: answer !== null && this.isRight(answer) };
    writeBets();
    this.tell();
    showMeasured();
    this.result.tabIndex = -1;
    this.result.focus();
  }
}

class Bet extends Question {
  constructor(element) {
    super(element);
    const { question, choices, unit } = this.told;
    const kept = this.isOpen ? "" : String(memory[this.key].answer ?? "");
    this.model = modelOf({
      question, choices, unit, answer: kept, commits: 0, message: "", settled: "",
    });
    this.model.on("change:commits", () => this.commit());
    const form = node("div");
    element.replaceChildren(form);
    ballot.render({ model: this.model, el: form });
    this.look.textContent = "show it without a bet";
    element.append(node("p", { className: "initlab-look" }, this.look));
    if (!this.isOpen) this.tell();
  }

  get result() {
    return this.element.querySelector("pre");
  }

  isAnswer(answer) {
    const { choices } = this.told;
    return choices.length ? choices.some(([letter]) => letter === answer) : Number.isFinite(answer);
  }

  commit() {
    const { choices } = this.told;
    const typed = this.model.get("answer").trim();
    // 1,500 is a number in the notebooks, too; 0,25 is none.
    const plain = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/.test(typed) ? typed.replaceAll(",", "") : typed;
    const answer = choices.length ? typed : plain === "" ? NaN : Number(plain);
    if (this.isAnswer(answer)) this.settle(answer);
    else if (choices.length) {
      this.model.set("message", "Choose an answer first, with the mouse or with the arrows.");
    } else this.model.set("message", "Type a number, such as 1500 or 0.25.");
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
    const rounded = Number(factor.toPrecision(2)).toLocaleString("en-US");
    const off = factor >= 1.5 ? ` You were off by a factor of ${rounded}.` : "";
    return `Not what you expected: look closely at what comes next.${off}`;
  }

  tell() {
    const { question, choices, unit, said } = this.told;
    const { answer } = memory[this.key];
    const lines = [question, ...choices.map(([letter, text]) => `  (${letter}) ${text}`)];
    if (answer !== null && choices.length) {
      lines.push(`You bet (${answer}): ${choices.find(([letter]) => letter === answer)[1]}`);
    } else if (answer !== null) {
      const number = answer.toLocaleString("en-US", { maximumFractionDigits: 20 });
      lines.push(`You bet: ${number}${unit && ` ${unit}`}`);
    }
    lines.push(said);
    if (answer !== null) {
      lines.push(this.comment(answer));
      this.element.classList.add(this.isRight(answer) ? "initlab-won" : "initlab-lost");
    }
    this.look.hidden = true;
    this.model.set("settled", lines.join("\n"));
  }
}

// Many claims at once, each with the same answers: a vote, until the board shows their verdicts.
class ClaimSheet extends Question {
  constructor(element) {
    super(element);
    this.result = node("p", { role: "status" });
    this.look.textContent = "show it without a vote";
    const commit = node("button", { textContent: "commit", title: "cast your votes" });
    this.last = node("p", { className: "initlab-look" }, commit, this.look);
    const claims = this.told.claims.map((claim) => this.claim(claim));
    this.form = node("form", { autocomplete: "off" }, ...claims, this.last, this.result);
    this.form.onsubmit = (event) => {
      event.preventDefault();
      const votes = Object.fromEntries(new FormData(this.form));
      if (this.isAnswer(votes)) this.settle(votes);
      else this.result.textContent = "Mark a claim first, with the mouse or with the arrows.";
    };
    element.replaceChildren(this.form);
    if (!this.isOpen) this.tell();
  }

  claim({ number, text, parts }) {
    const radios = this.told.answers.map((value) =>
      node("label", {}, node("input", { type: "radio", name: number, value }), ` ${value}`));
    const cut = parts.map((part) => node("small", { textContent: part }));
    const question = node("legend", {}, node("b", { textContent: number }), ` ${text}`);
    return node("fieldset", {}, question, ...cut, node("div", {}, ...radios));
  }

  isAnswer(votes) {
    const { claims, answers } = this.told;
    return claims.some(({ number }) => answers.includes(votes[number]));
  }

  isRight(votes) {
    return this.told.claims.every(({ number, verdict }) => votes[number] === verdict);
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
    this.result.textContent = cast
      ? `Votes that were right: ${right} of ${cast}. (The board below was drawn without them.)`
      : "No votes.";
  }
}

const bets = [
  ...made(".initlab-bet-place", (one) => new Bet(one)),
  ...made(".initlab-sheet-place", (one) => new ClaimSheet(one)),
];

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
  all.hidden = !open.length;
  // Neither what was shown without a bet, nor the votes of a sheet.
  const cast = Object.values(memory).filter(({ answer }) => typeof answer !== "object");
  const won = cast.filter((bet) => bet.won).length;
  score.hidden = !Object.keys(memory).length;
  score.firstChild.textContent = cast.length ? `Bets won so far: ${won} of ${cast.length}. ` : "";
}

function showAll() {
  readBets();
  const open = bets.filter((bet) => bet.isOpen);
  for (const bet of open) memory[bet.key] = { answer: null, won: false };
  writeBets();
  open.forEach((bet) => bet.tell());
  showMeasured();
}

function forget() {
  memory = {};
  writeBets();
  location.reload();
}

function followLink() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1).split("&")[0]));
  if (!target?.closest(".initlab-closed")) return;
  isRestOpen = true;
  showMeasured();
  const block = target.matches(".initlab-place") ? "center" : "start";
  target.scrollIntoView({ block, behavior: "instant" });
}

// On paper nothing can be opened, so it is printed open.
addEventListener("beforeprint", () => {
  for (const one of article.querySelectorAll("details:not(.hide, [open])")) {
    one.dataset.printed = one.open = true;
  }
});
addEventListener("afterprint", () => {
  for (const one of article.querySelectorAll("[data-printed]")) {
    delete one.dataset.printed;
    one.open = false;
  }
});

const words = "show all measurements of this page";
const all = node("button", { type: "button", textContent: words, onclick: showAll });
const again = node("button", { type: "button", textContent: "forget all bets", onclick: forget });
const score = node("p", { className: "initlab-score" }, "", again);
if (bets.length) {
  article.append(score, node("p", { className: "initlab-all" }, all));
  showMeasured();
  addEventListener("hashchange", followLink);
  addEventListener("load", followLink);
}
document.body.classList.add("initlab-ready");
