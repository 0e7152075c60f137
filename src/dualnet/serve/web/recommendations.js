/** The list for whoever is asked for; it follows every change. */

import { addItem } from "./add-item.js";
import { announce } from "./announce.js";
import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { keepTitles, onCatalogue, titleOf } from "./item-cards.js";
import { inWords, legend, scaleOf } from "./levels.js";
import { excluded, forgetDismissed } from "./not-this.js";
import { recommendedItem } from "./recommended-item.js";
import { region } from "./region.js";
import { asking, someone, state } from "./state.js";
import { beginnings, welcome } from "./welcome.js";
import { wished, wishesForm } from "./wishes.js";
import { some } from "./words.js";

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
    if (!someone()) load(beginnings, (found) => fill(list, welcome(found)));
    else load((signal) => recommend({ ...asking(), ...wished(), ...excluded() }, k, signal), show, WAIT);
  }

  function show(answer, signal) {
    const explained = Boolean(model.capabilities.explain) && answer.resolved !== "fallback" && answer.items.length > 0;
    const scale = scaleOf(answer.items.map((entry) => [entry.score]));
    const picks = answer.items.map((entry) => recommendedItem(entry, { columns: model.columns, scale, explained, add: () => addItem(entry.item, entry.title) }));
    const key = el("div", { class: "list-key" });
    const head = el("div", { class: "list-head" }, el("div", {}, el("h1", {}, heading()), told(answer)), key);
    const onward = k < MOST && answer.items.length === k && el(
      "button", { type: "button", class: "quiet wide", on: { click: () => { k = MOST; ask(); } } }, "Show more",
    );
    fill(list, head, el("ol", { class: "picks", "aria-label": "Recommendations" }, picks.map((one) => one.node)), onward);
    announce(answer.items.length === 0 ? "Nothing to recommend" : `${some(answer.items.length, "recommendation")}. First: ${answer.items[0].title}`);
    if (explained) explainAll(answer, picks, key, signal);
  }

  async function explainAll(answer, picks, key, signal) {
    try {
      const again = await call("POST", "/v1/recommend", { ...asking(), ...wished(), ...excluded(), k, explain: true }, signal);
      const found = new Map(again.items.map((entry) => [entry.item, entry.explanation ?? null]));
      const all = answer.items.map((entry) => found.get(entry.item) ?? null);
      const levels = all.filter(Boolean).map((one) => inWords(one.levels));
      if (signal.aborted || levels.length === 0) return;
      const scale = scaleOf(levels.map((list) => list.map((level) => level.score)));
      picks.forEach((one, at) => one.explain(all[at], scale));
      if (levels[0].length > 1) fill(key, legend(levels[0]));
    } catch (error) {
      if (signal.aborted) return;
      fill(key, el("p", { class: "soft small", role: "status" }, `The reasons are missing. ${error.message}`));
      for (const one of picks) one.explain(null);
    }
  }
}

/** A promise of a list. */
export async function recommend(who, k, signal) {
  const answer = await call("POST", "/v1/recommend", { ...who, k }, signal);
  keepTitles(answer.items);
  return answer;
}

function heading() {
  const { user, history } = state();
  if (user !== null) return `Recommended for ${user}`;
  return history.length > 0 ? "Recommended for this history" : "Recommended for somebody like this";
}

function told({ resolved, ignored, popularity, items }) {
  const sentences = [];
  if (resolved === "columns") sentences.push("They took nothing that the model can read, so this is for what is known of them.");
  if (popularity !== undefined) sentences.push(`Popularity counts ${Math.round(popularity * 100)} %; the reasons are those of the whole score.`);
  if (resolved === "fallback") sentences.push("Nothing is known of them, so this is what is popular.");
  if (ignored?.length > 0) sentences.push(`Not counted, since the model cannot read it: ${ignored.slice(0, 3).map(titleOf).join(", ")}.`);
  if (items.length === 0) sentences.push("There is nothing left to recommend.");
  return sentences.length > 0 && el("p", { class: "soft" }, sentences.join(" "));
}
