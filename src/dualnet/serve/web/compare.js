/** The served model beside simple ones, for the same asker; what they have in common is marked. */

import { announce } from "./announce.js";
import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { cardOf, keepTitles, onCatalogue } from "./item-cards.js";
import { mayHavePictures, poster, postered } from "./poster.js";
import { region } from "./region.js";
import { excluded } from "./not-this.js";
import { asking, someone } from "./state.js";
import { verdict } from "./verdict.js";
import { named, shortened, some } from "./words.js";

const LENGTH = 10;
const WAIT = 90;
const POLL = 1500; // milliseconds until a list that is being prepared is asked for again

/** Return `update(state)` of this view. */
export function compareView(host, model) {
  const load = region(host);
  let shown = "";
  onCatalogue(() => { shown = ""; });

  return function update(now) {
    const question = JSON.stringify(someone(now) ? { ...asking(now), ...excluded(now) } : null);
    if (question === shown) return;
    shown = question;
    if (someone(now)) load(fetchLists, show, WAIT);
    else load(async () => null, () => fill(host, nobody()));
  };

  function fetchLists(signal) {
    return call("POST", "/v1/compare", { ...asking(), ...excluded(), k: LENGTH }, signal);
  }

  function show(answer, signal) {
    for (const { items } of answer.models) keepTitles(items);
    fill(host, page(answer, model));
    if (mayHavePictures(model)) for (const line of host.querySelectorAll("li[data-at]")) picture(line, answer.models, signal);
    announce(`${some(answer.models.length, "list")} side by side`);
    if (answer.pending?.length > 0) window.setTimeout(() => signal.aborted || load(fetchLists, show), POLL);
  }
}

function nobody() {
  return el(
    "div",
    { class: "welcome" },
    el("h1", {}, "Side by side"),
    el("p", { class: "lead" }, "Choose somebody, or add something they liked, to see the model\u2019s list beside those of simple methods."),
  );
}

function page({ models, pending = [] }, model) {
  const [served, ...others] = models;
  const mine = new Set(served.items.map((entry) => entry.item));
  const theirs = new Map();
  for (const { items } of others) for (const { item } of items) theirs.set(item, (theirs.get(item) ?? 0) + 1);
  const columns = [
    column(served, 0, "The served model", (entry) => theirs.get(entry.item) ?? 0, (number) => `in ${some(number, "other list")}`),
    ...others.map((one, at) => column(
      one,
      at + 1,
      one.error ? "" : `${one.items.filter((entry) => mine.has(entry.item)).length} of ${one.items.length} in common`,
      (entry) => (mine.has(entry.item) ? 1 : 0),
      () => `also recommended by ${named(served.name)}`,
    )),
    ...pending.map((name) => el("section", { class: "column", "aria-busy": "true" }, el("h2", {}, named(name)), el("p", { class: "soft small" }, "Being prepared\u2026"))),
  ];
  const lists = el("div", { class: "columns", role: "group", "aria-label": "Lists side by side", tabindex: "0" }, columns);
  light(lists);
  return [
    el(
      "div",
      { class: "list-head" },
      el("div", {}, el("h1", {}, "Side by side"), el("p", { class: "soft" }, "The same question, answered by simple methods made from the same histories and content."), verdict(model.metrics, served.name)),
      el("p", { class: "legend" }, el("span", { class: "dot common" }), `shared with ${named(served.name)}`),
    ),
    lists,
  ];
}

/** Put the picture of an item before its title; a card that cannot be read leaves the title alone. */
async function picture(line, models, signal) {
  const [list, place] = line.dataset.at.split(" ").map(Number);
  const card = await cardOf(models[list].items[place].item).catch(() => null);
  if (card && postered(card) && !signal.aborted) line.querySelector(".rank").after(poster(card, true));
}

function column({ name, items, error }, list, side, shared, words) {
  return el(
    "section",
    { class: "column", "aria-label": named(name) },
    el("h2", {}, named(name)),
    el("p", { class: "soft small" }, side),
    error && el("p", { class: "soft" }, `No list: ${error}.`),
    el(
      "ol",
      { class: "short-list" },
      items.map((entry, at) => {
        const number = shared(entry);
        return el(
          "li",
          { class: number > 0 ? "common" : null, "data-item": String(entry.item), "data-at": `${list} ${at}` },
          el("span", { class: "rank", "aria-hidden": "true" }, String(entry.rank)),
          el("span", {}, shortened(entry.title, 80), number > 0 && el("span", { class: "unseen" }, ` (${words(number)})`)),
        );
      }),
    ),
  );
}

/** Under the pointer, an item lights up in all lists. */
function light(lists) {
  const mark = (item) => {
    for (const line of lists.querySelectorAll("li")) line.classList.toggle("same", item !== undefined && line.dataset.item === item);
  };
  lists.addEventListener("mouseover", (event) => mark(event.target.closest("li")?.dataset.item));
  lists.addEventListener("mouseleave", () => mark(undefined));
}
