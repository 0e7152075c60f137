/** The list for whoever is asked for; it follows every change. */

import { addItem } from "./add-item.js";
import { announce } from "./announce.js";
import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { keepTitles, onCatalogue, titleOf } from "./item-cards.js";
import { excluded, forgetDismissed } from "./not-this.js";
import { recommendedItem } from "./recommended-item.js";
import { region } from "./region.js";
import { asking, go, someone, state } from "./state.js";
import { takeAway } from "./take-away.js";
import { beginnings, welcome } from "./welcome.js";
import { wished, wishesForm } from "./wishes.js";
import { sentence, some } from "./words.js";

const FIRST = 10;
const MOST = 20; // the server explains no longer list
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
      columns: model.columns, best, explained, resolved: answer.resolved, add: () => addItem(entry.item, entry.title),
    }));
    const notes = el("div", { class: "list-notes" });
    const away = answer.items.length > 0 && takeAway(() => answer.items, () => `recommendations-${state().user ?? "history"}`);
    const head = el("div", { class: "list-head" }, el("div", {}, el("h1", {}, heading()), told(answer), notes), away);
    const onward = k < MOST && answer.items.length === k && el(
      "button", { type: "button", class: "quiet wide", on: { click: () => { k = MOST; ask(); } } }, "Show more",
    );
    const nothing = answer.items.length === 0 && empty();
    fill(list, head, el("ol", { class: "picks", "aria-label": "Recommendations", hidden: answer.items.length === 0 }, picks.map((one) => one.node)), nothing, onward);
    announce(answer.items.length === 0 ? "Nothing to recommend" : `${some(answer.items.length, "recommendation")}. First: ${answer.items[0].title}`);
    if (explained) explainAll(answer, picks, notes, signal);
  }

  async function explainAll(answer, picks, notes, signal) {
    const question = { ...asking(), ...wished(), ...excluded(), k };
    try {
      const [again, popular] = await Promise.all([call("POST", "/v1/recommend", { ...question, explain: true }, signal), popularShares(answer, signal)]);
      const found = new Map(again.items.map((entry) => [entry.item, entry.explanation ?? null]));
      if (signal.aborted) return;
      picks.forEach((one, at) => {
        const { item } = answer.items[at];
        one.explain(found.get(item) ?? null, popular.get(item) ?? null);
      });
    } catch (error) {
      if (signal.aborted) return;
      fill(notes, el("p", { class: "soft small", role: "status" }, `The reasons are missing. ${error.message} `, el("button", { type: "button", class: "link", on: { click: () => { fill(notes); explainAll(answer, picks, notes, signal); } } }, "Try again")));
      for (const one of picks) one.explain(null, null);
    }
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
  if (user !== null) return `For ${user}`;
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
