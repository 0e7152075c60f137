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
  const facts = [["Items", model.items], ["of them not in training", Math.max(fresh, 0)], ["People", model.users], ["Pairs in training", info.pairs]];
  return [
    el("div", { class: "list-head" }, el("div", {}, el("h1", {}, named(model.name)), el("p", { class: "soft" }, made(model)))),
    el("dl", { class: "facts" }, facts.filter(([, value]) => value !== undefined).map(([name, value]) => el("div", {}, el("dd", {}, count(value)), el("dt", {}, name)))),
    figures(model.metrics),
    learningCurve(model.training ?? []),
    el(
      "section",
      {},
      el("h2", {}, "Content it reads"),
      Object.keys(model.columns).length === 0
        ? el("p", { class: "soft" }, "None.")
        : el("ul", { class: "tags" }, Object.entries(model.columns).map(([name, kind]) => el("li", {}, name, el("span", { class: "soft" }, ` ${kind}`)))),
    ),
    el("section", {}, el("h2", {}, "What it can do"), el("ul", { class: "tags" }, Object.entries(model.capabilities).filter(([name]) => name !== "needs_content").map(([name, has]) => el("li", { class: has ? null : "off" }, has ? named(name) : [el("span", { class: "unseen" }, "not: "), named(name)])))),
    el("section", {}, el("h2", {}, "Made from"), pairs({ ...info, ...(model.versions ?? {}) })),
    el("section", {}, el("details", {}, el("summary", {}, "Parameters"), pairs(model.parameters))),
  ];
}

function made({ saved, info, version, previous }) {
  const day = saved ? new Intl.DateTimeFormat("en", { dateStyle: "long", timeStyle: "short" }).format(new Date(1000 * saved)) : null;
  return [
    day && `Made on ${day}`, info.data && `${day ? " from" : "From"} ${info.data}`, (day || info.data) && " \u00b7 ",
    "version ", el("code", {}, version), previous && [" \u00b7 before it ", el("code", {}, previous.version)],
  ];
}

function pairs(values) {
  return el("dl", { class: "pairs grid" }, Object.entries(values).map(([name, value]) => el("div", {}, el("dt", {}, named(name)), el("dd", {}, plainValue(value)))));
}
