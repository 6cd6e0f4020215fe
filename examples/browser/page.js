// What the page does: a model, a text, a file.

import { Model } from "./model.js";
import { columnsOf, parseCsv, rank } from "./ranking.js";

const MODEL = "model.onnx";
const POSITIVE = ["positive", "pos", "good", "recommended"];
const place = (id) => document.getElementById(id);
let model = null, rows = null, turn = 0;

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const element = (tag, text = "") => Object.assign(document.createElement(tag), { textContent: text });

function say(message, isError = false) {
  place("status").textContent = message;
  place("status").classList.toggle("error", isError);
}

/** Does something, and says on the page what went wrong. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    say(error.message, true);
  }
}

async function use(bytes, name) {
  say(`Reading ${name} …`);
  model = await Model.load(bytes);
  say(`${name}: ${model.labels.join(" or ")}. ${(bytes.length / 1e6).toFixed(1)} MB, on this machine alone.`);
  const liked = model.labels.findIndex((label) => POSITIVE.includes(label.toLowerCase()));
  place("label").replaceChildren(...model.labels.map((label) => new Option(label)));
  place("label").selectedIndex = liked < 0 ? model.labels.length - 1 : liked;
  await classify();
}

async function classify() {
  const mine = ++turn, text = place("text").value;
  if (!model || !text.trim()) return place("answer").replaceChildren();
  const [probabilities] = await model.predict([text]);
  if (mine !== turn) return; // meanwhile more was typed
  const lines = model.labels.map((label, number) => {
    const line = element("div"), bar = element("meter");
    bar.value = probabilities[number];
    line.append(element("span", label), bar, element("span", percent(probabilities[number])));
    return line;
  });
  place("answer").replaceChildren(...lines);
}

async function open(file) {
  rows = parseCsv(await file.text());
  if (rows.length < 2) throw new Error(`${file.name} has no rows below its header.`);
  const found = columnsOf(rows[0]);
  for (const role of ["text", "item"]) {
    place(`${role}-column`).replaceChildren(...rows[0].map((name) => new Option(name)));
    place(`${role}-column`).selectedIndex = found[role];
  }
  place("columns").hidden = false;
  await show();
}

async function show() {
  const [text, item, label] = ["text-column", "item-column", "label"].map((id) => place(id).selectedIndex);
  const usable = rows.slice(1).filter((row) => row[text]?.trim() && row[item]?.trim());
  const started = performance.now();
  const answers = await model.predict(usable.map((row) => row[text]), (share) => (place("progress").value = share));
  const seconds = (performance.now() - started) / 1000;
  const ranked = rank(usable.map((row) => row[item].trim()), answers.map((one) => one[label]));
  const lines = ranked.map(({ item, reviews, mean, score }, number) => {
    const line = element("tr");
    line.append(...[number + 1, item, percent(score), percent(mean), reviews].map((value) => element("td", value)));
    return line;
  });
  place("ranking").tBodies[0].replaceChildren(...lines);
  place("ranking").hidden = false;
  const left = rows.length - 1 - usable.length;
  const leftOut = left ? `; ${left} row${left > 1 ? "s" : ""} without text or item left out` : "";
  say(`${usable.length} reviews of ${ranked.length} items in ${seconds.toFixed(1)} s${leftOut}.`);
}

place("text").addEventListener("input", () => attempt(classify));
place("file").addEventListener("change", ({ target }) => target.files[0] && attempt(() => open(target.files[0])));
place("again").addEventListener("click", () => attempt(show));
place("model").addEventListener("change", ({ target }) =>
  attempt(async () => target.files[0] && use(new Uint8Array(await target.files[0].arrayBuffer()), target.files[0].name)));
attempt(async () => {
  const found = await fetch(MODEL);
  if (!found.ok) throw new Error(`There is no ${MODEL} beside this page: choose a model that \`sentrec export RUN --onnx\` wrote.`);
  await use(new Uint8Array(await found.arrayBuffer()), MODEL);
});
