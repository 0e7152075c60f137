/** The list for whoever is asked for; it follows every change. */

import { addItem } from "./add-item.js";
import { announce } from "./announce.js";
import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { cardOf, keepTitles, onCatalogue, titleOf } from "./item-cards.js";
import { labelsOf } from "./kind-and-year.js";
import { layoutChoice } from "./layout.js";
import { postered } from "./poster.js";
import { excluded, forgetDismissed } from "./not-this.js";
import { reasons } from "./reasons.js";
import { recommendedItem } from "./recommended-item.js";
import { region } from "./region.js";
import { asking, go, someone, state } from "./state.js";
import { takeAway } from "./take-away.js";
import { beginnings, welcome } from "./welcome.js";
import { wished, wishesForm } from "./wishes.js";
import { sentence, some } from "./words.js";

const FIRST = 10;
const MOST = 20; // the server explains no longer list
const LOOKED_AT = 6; // items of a history, those that count most for an entry
const WAIT = 90; // milliseconds in which further clicks replace this one

/** Return `update(state)` of this view. */
export function recommendationsView(host, model) {
  const wishes = wishesForm(model);
  const list = el("div", { class: "listed" });
  fill(host, wishes.node, list);
  const load = region(list);
  let shown = "";
  let k = FIRST;
  onCatalogue(() => { shown = ""; });

  return function update(now) {
    wishes.update(now);
    const question = JSON.stringify(someone(now) ? { ...asking(now), ...wished(now) } : null);
    if (question === shown) return;
    shown = question;
    k = FIRST;
    if (!someone(now)) forgetDismissed();
    ask();
  };

  function ask() {
    if (!someone()) load(beginnings, (found) => fill(list, welcome(found, model)));
    else load((signal) => recommend({ ...asking(), ...wished(), ...excluded() }, k, signal), show, WAIT);
  }

  function show(answer, signal) {
    const explained = Boolean(model.capabilities.explain) && answer.resolved !== "fallback" && answer.items.length > 0;
    const best = answer.items[0]?.score ?? 0;
    const picks = answer.items.map((entry) => recommendedItem(entry, {
      columns: model.columns, best, explained, add: () => addItem(entry.item, entry.title),
    }));
    const notes = el("div", { class: "list-notes" });
    const away = answer.items.length > 0 && takeAway(() => answer.items, () => `recommendations-${state().user ?? "history"}`);
    const layout = layoutChoice();
    const head = el("div", { class: "list-head" }, el("div", {}, el("h1", {}, heading()), told(answer), notes), el("div", { class: "row" }, layout.node, away));
    const entries = el("ol", { class: "picks", "aria-label": "Recommendations", hidden: answer.items.length === 0 }, picks.map((one) => one.node));
    const onward = k < MOST && answer.items.length === k && el(
      "button", { type: "button", class: "quiet wide", on: { click: () => { k = MOST; ask(); } } }, "Show more",
    );
    const nothing = answer.items.length === 0 && empty();
    fill(list, head, entries, nothing, onward);
    announce(answer.items.length === 0 ? "Nothing to recommend" : `${some(answer.items.length, "recommendation")}. First: ${answer.items[0].title}`);
    arrange(answer, layout, entries, signal);
    if (explained) explainAll(answer, picks, notes, signal);
    else tellReasons(answer, picks, notes, new Map(), new Map(), signal);
  }

  /** Lay the list out by how many of its items have pictures; a card that cannot be read is told on its own line. */
  async function arrange({ items }, layout, entries, signal) {
    const cards = await Promise.allSettled(items.map(({ item }) => cardOf(item)));
    if (!signal.aborted && items.length > 0) layout.offer(cards.filter(({ value }) => value && postered(value)).length / items.length, entries);
  }

  async function explainAll(answer, picks, notes, signal) {
    const question = { ...asking(), ...wished(), ...excluded(), k };
    try {
      const [again, popular] = await Promise.all([call("POST", "/v1/recommend", { ...question, explain: true }, signal), popularShares(answer, signal)]);
      const found = new Map(again.items.map((entry) => [entry.item, entry.explanation ?? null]));
      if (!signal.aborted) await tellReasons(answer, picks, notes, found, popular, signal);
    } catch (error) {
      if (signal.aborted) return;
      fill(notes, el("p", { class: "soft small", role: "status" }, `The reasons are missing. ${error.message} `, el("button", { type: "button", class: "link", on: { click: () => { fill(notes); explainAll(answer, picks, notes, signal); } } }, "Try again")));
      for (const one of picks) one.explain(null, { nodes: [""], popular: false });
    }
  }

  /** Give each entry its sentence, which also says what it has in common with the history: that is on their cards. */
  async function tellReasons(answer, picks, notes, found, popular, signal) {
    const parts = answer.items.flatMap(({ item }) => found.get(item)?.history.parts.slice(0, LOOKED_AT) ?? []);
    const wanted = [...new Set([...answer.items, ...parts].map((one) => one.item))];
    const cards = await Promise.allSettled(wanted.map(cardOf)); // a card that is missing makes a reason shorter
    if (signal.aborted) return;
    const known = new Map(cards.flatMap(({ value }, at) => (value ? [[wanted[at], value]] : [])));
    const labels = (item) => (known.has(item) ? labelsOf(known.get(item), model.columns) : []);
    const entries = answer.items.map(({ item, path, score }) => ({
      path, score, explanation: found.get(item) ?? null, popular: popular.get(item) ?? null, labels: labels(item), taken: known.get(item)?.taken,
    }));
    const { shared, each } = reasons(entries, answer.resolved, labels);
    if (shared) fill(notes, el("p", { class: "shared-reason" }, shared));
    each.forEach((reason, at) => picks[at].explain(entries[at].explanation, reason));
  }
}

/** A promise of the share of each score that everybody would give: what is gone where popularity does not count. */
async function popularShares({ items, popularity }, signal) {
  if (popularity !== undefined) return new Map();
  const listed = items.map((entry) => entry.item);
  const personal = await call("POST", "/v1/recommend", { ...asking(), popularity: 0, candidates: listed, keep_seen: true, k: listed.length }, signal);
  const own = new Map(personal.items.map((entry) => [entry.item, entry.score]));
  return new Map(items.filter(({ item, score }) => own.has(item) && score > 0).map(({ item, score }) => [item, 1 - own.get(item) / score]));
}

/** A promise of a list. */
export async function recommend(who, k, signal) {
  const answer = await call("POST", "/v1/recommend", { ...who, k }, signal);
  keepTitles(answer.items);
  return answer;
}

function heading() {
  const { user, history } = state();
  if (user !== null) return /^[\d\s.-]+$/.test(user) ? `For person ${user}` : `For ${user}`; // "For 10" could be ten of anything
  if (history.length === 1) return `For somebody who liked ${titleOf(history[0])}`;
  return history.length > 1 ? `For somebody who liked these ${history.length}` : "For somebody like this";
}

function told({ resolved, ignored, popularity, unmet }) {
  const sentences = [];
  if (resolved === "columns") sentences.push("They took nothing that the model can read, so this is for what is known of them.");
  if (popularity !== undefined) sentences.push(`Popularity counts ${Math.round(popularity * 100)} %; the reasons are those of the whole score.`);
  for (const one of unmet ?? []) sentences.push(sentence(one));
  if (resolved === "fallback") sentences.push("Nothing is known of them, so this is what is popular.");
  if (ignored?.length > 0) sentences.push(`Not counted, since the model cannot read it: ${ignored.slice(0, 3).map(titleOf).join(", ")}.`);
  return sentences.length > 0 && el("p", { class: "soft" }, sentences.join(" "));
}

function empty() {
  const narrowed = Object.keys(state().filter).length > 0 || state().kinds !== "";
  return el(
    "div",
    { class: "problem calm" },
    el("p", {}, narrowed ? "Nothing fits what was chosen." : "There is nothing left to recommend."),
    narrowed && el("button", { type: "button", class: "quiet", on: { click: () => go({ filter: {}, kinds: "" }) } }, "List everything"),
  );
}
