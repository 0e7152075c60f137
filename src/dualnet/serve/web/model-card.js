/** What is served: name, version, sizes, measured figures, parameters. */

import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { onCatalogue } from "./item-cards.js";
import { region } from "./region.js";
import { count, named } from "./words.js";

const SIDES = { "known-known": ["known", "known"], "known-new": ["known", "new"], "new-known": ["new", "known"], "new-new": ["new", "new"], "known-all": ["known", "all"], "new-all": ["new", "all"] };
const FIRST = { "precision@10": "hold something held out that they like", "new_share@10": "something that nobody liked in training", "unliked_share@10": "something that nobody likes at all" };
const SHOWN = ["recall", "ndcg", "hit_rate", "map", "mrr", "precision"];

/** Return `update(state)` of this view. */
export function modelView(host) {
  const load = region(host);
  let stale = true;
  onCatalogue(() => { stale = true; });
  return function update() {
    if (!stale) return;
    stale = false;
    load((signal) => call("GET", "/v1/model", undefined, signal), (model) => fill(host, card(model)));
  };
}

function card(model) {
  const { info } = model;
  const new_items = model.items + model.items_hidden - model.items_trained;
  const facts = [["Items", model.items], ["of them not in training", Math.max(new_items, 0)], ["People", model.users], ["Pairs in training", info.pairs]];
  return [
    el("div", { class: "list-head" }, el("div", {}, el("h1", {}, named(model.name)), el("p", { class: "soft" }, "Version ", el("code", {}, model.version), model.previous && [" \u00b7 before it ", el("code", {}, model.previous.version)]))),
    el("dl", { class: "facts" }, facts.filter(([, value]) => value !== undefined).map(([name, value]) => el("div", {}, el("dd", {}, count(value)), el("dt", {}, name)))),
    figures(model.metrics),
    el(
      "section",
      {},
      el("h2", {}, "Content it reads"),
      Object.keys(model.columns).length === 0
        ? el("p", { class: "soft" }, "None.")
        : el("ul", { class: "tags" }, Object.entries(model.columns).map(([name, kind]) => el("li", {}, name, el("span", { class: "soft" }, ` ${kind}`)))),
    ),
    el("section", {}, el("h2", {}, "What it can do"), el("ul", { class: "tags" }, Object.entries(model.capabilities).filter(([name]) => name !== "needs_content").map(([name, has]) => el("li", { class: has ? null : "off" }, has ? named(name) : [el("span", { class: "unseen" }, "not: "), named(name)])))),
    el("section", {}, el("h2", {}, "Parameters"), pairs(model.parameters)),
    el("section", {}, el("h2", {}, "Made from"), pairs({ ...info, ...(model.versions ?? {}) })),
  ];
}

function figures(metrics) {
  const tasks = metrics?.tasks?.filter((task) => task.metrics) ?? [];
  const cuts = metrics?.cuts ?? [];
  if (tasks.length === 0 || cuts.length === 0) return el("section", {}, el("h2", {}, "Figures"), el("p", { class: "soft" }, "None were measured when this model was made."));
  const measure = SHOWN.find((name) => tasks.some((task) => task.metrics[`${name}@${cuts[0]}`])) ?? "recall";
  return el(
    "section",
    {},
    el("h2", {}, "Figures"),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": "Figures" },
      el(
        "table",
        { class: "figures" },
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "People, items"), cuts.map((cut) => el("th", { scope: "col" }, `${named(measure)} at ${cut}`)), el("th", { scope: "col" }, "People measured"))),
        el("tbody", {}, tasks.map((task) => el("tr", {}, el("th", { scope: "row" }, side(task.task)), cuts.map((cut) => el("td", {}, figure(task.metrics[`${measure}@${cut}`]))), el("td", {}, count(task.users ?? 0))))),
      ),
    ),
    tasks.map(served),
    metrics.protocol && el("details", { class: "soft small" }, el("summary", {}, "How this was measured"), el("p", {}, metrics.protocol)),
  );
}

/** What the first ten places of the list that people are served hold, in a sentence. */
function served(task) {
  const parts = Object.entries(FIRST).filter(([name]) => task.metrics[name] && task.question);
  if (parts.length === 0) return null;
  const said = parts.map(([name, text]) => `${(100 * task.metrics[name].mean).toFixed(1)} % ${text}`).join(", ");
  return el("p", { class: "soft small" }, `${side(task.task)}, in one list as it is served: of the first ten places ${said}.`);
}

function side(task) {
  const [people, items] = SIDES[task] ?? [];
  return people ? `${people} people, ${items} items` : named(task);
}

function figure(value) {
  if (!value || !Number.isFinite(value.mean)) return "n/a";
  const [low, high] = value.ci95 ?? [];
  return [value.mean.toFixed(3), low !== undefined && el("span", { class: "soft small" }, ` \u00b1 ${((high - low) / 2).toFixed(3)}`)];
}

function pairs(values) {
  return el("dl", { class: "pairs grid" }, Object.entries(values).map(([name, value]) => el("div", {}, el("dt", {}, named(name)), el("dd", {}, plain(value)))));
}

function plain(value) {
  if (value === null) return "\u2013";
  if (Array.isArray(value)) return value.map(plain).join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
  return String(value);
}
