/** What is served: when and from what it was made, measured figures, how the fit went; parameters last. */

import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { onCatalogue } from "./item-cards.js";
import { learningCurve } from "./learning-curve.js";
import { figures } from "./model-figures.js";
import { region } from "./region.js";
import { count, named, plainValue } from "./words.js";

/** Return `update(state)` of this view. */
export function modelView(host) {
  const load = region(host);
  let stale = true;
  onCatalogue(() => { stale = true; });
  return function update() {
    if (!stale) return;
    stale = false;
    load(
      async (signal) => {
        try {
          return await call("GET", "/v1/model", undefined, signal);
        } catch (error) {
          stale = true; // the next visit asks again
          throw error;
        }
      },
      (model) => fill(host, card(model)),
    );
  };
}

function card(model) {
  const { info } = model;
  const fresh = model.items + model.items_hidden - model.items_trained;
  const facts = [["Items that lists are made of", model.items], ["of them without a like in training", Math.max(fresh, 0)], ["People", model.users], ["Likes in training", info.pairs]];
  return [
    el("div", { class: "list-head" }, el("div", {}, el("h1", {}, named(model.name)), el("p", { class: "soft" }, made(model)))),
    el("dl", { class: "facts" }, facts.filter(([, value]) => value !== undefined).map(([name, value]) => el("div", {}, el("dd", {}, count(value)), el("dt", {}, name)))),
    figures(model.metrics, model.name),
    learningCurve(model.training ?? []),
    el(
      "section",
      {},
      el("h2", {}, "Content it reads"),
      Object.keys(model.columns).length === 0
        ? el("p", { class: "soft" }, "None.")
        : el("ul", { class: "tags" }, Object.entries(model.columns).map(([name, kind]) => el("li", {}, name, el("span", { class: "soft" }, ` ${kind}`)))),
    ),
    el("section", {}, el("h2", {}, "What it can do"), el("ul", { class: "tags" }, able(model).map((what) => el("li", {}, what)))),
    el("section", {}, el("h2", {}, "Made from"), pairs(noted(info)), pairs(model.versions ?? {})),
    el("section", {}, el("details", {}, el("summary", {}, "Parameters"), pairs(model.parameters))),
  ];
}

const ABILITIES = {
  new_items: "places new items", new_users: "answers for new people", new_items_in_history: "takes new items in a history",
  updates: "learns from new events", explain: "says why",
};

/** What the model can do, in words; what it reads of people only where there is something to read. */
function able({ capabilities, user_columns: columns }) {
  const read = Object.keys(columns ?? {});
  return [...Object.entries(ABILITIES).filter(([name]) => capabilities[name]).map(([, words]) => words), ...(capabilities.user_columns && read.length > 0 ? [`reads of people: ${read.join(", ")}`] : [])];
}

const WORDS = { pairs: "Likes in training", users: "People with a like in training", items: "Items with a like in training", disliked: "Disliked pairs", seen: "Seen pairs", fit_seconds: "Seconds to fit", half_life_days: "Half-life in days", fingerprint: "Fingerprint of the data" };

/** What the fit noted, in words; of a fingerprint the beginning, whole for who points at it. */
function noted(info) {
  const flat = Object.entries(info).flatMap(([name, value]) => (
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.entries(value).map(([part, one]) => [`${name}: ${named(part).toLowerCase()}`, one]) : [[name, value]]
  ));
  return Object.fromEntries(flat.filter(([, value]) => value !== 0 && value !== null).map(([name, value]) => [
    WORDS[name] ?? name, /^[0-9a-f]{64}$/.test(value) ? el("code", { title: value }, `${value.slice(0, 12)}\u2026`) : value,
  ]));
}

function made({ saved, info, version, previous }) {
  const day = saved ? new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "short" }).format(new Date(1000 * saved)) : null;
  return [
    day && `Made on ${day}`, info.data && `${day ? " from" : "From"} ${info.data}`, (day || info.data) && " \u00b7 ",
    "version ", el("code", {}, version), previous && [" \u00b7 before it ", el("code", {}, previous.version)],
  ];
}

function pairs(values) {
  return el("dl", { class: "pairs grid" }, Object.entries(values).map(([name, value]) => el("div", {}, el("dt", {}, named(name)), el("dd", {}, value instanceof Node ? value : plainValue(value)))));
}
