/** How the fit went, from the log of the run: the loss of each epoch, the figure of each trial or validation. */

import { chart } from "./charts.js";
import { el } from "./dom.js";
import { named, some } from "./words.js";

const FIGURE = /^(recall|ndcg|precision|hit_rate|map|mrr)\b/i;

/** Return a section, or null where the run kept no log with numbers in it. */
export function learningCurve(entries) {
  const curves = [figure(entries), loss(entries)].filter(Boolean);
  return curves.length > 0 && el("section", {}, el("h2", {}, "How the fit went"), curves);
}

function figure(entries) {
  const name = entries.flatMap((one) => Object.keys(one)).find((key) => FIGURE.test(key) && numbers(entries, key).length > 1);
  if (name === undefined) return null;
  const values = numbers(entries, name);
  const best = values.map((_, at) => Math.max(...values.slice(0, at + 1)));
  const tried = entries.some((one) => one.trial !== undefined) ? "trial" : "validation";
  return [
    chart({ label: named(name), lines: [{ name: `each ${tried}`, values }, { name: "best so far", values: best }], format: (value) => value.toFixed(3), from: "lowest", ends: [`${tried} 1`, `${tried} ${values.length}`] }),
    el("p", { class: "soft small" }, `${named(name)} on the validation in ${some(values.length, tried)}; the best was ${best.at(-1).toFixed(3)}.`),
  ];
}

function loss(entries) {
  const values = numbers(entries, "loss");
  if (values.length < 2) return null;
  return [
    chart({ label: "Loss", values, format: (value) => value.toPrecision(3), from: "lowest", ends: ["epoch 1", `epoch ${values.length}`] }),
    el("p", { class: "soft small" }, `Loss on the training data in ${some(values.length, "epoch")}; less is better.`),
  ];
}

function numbers(entries, name) {
  return entries.map((one) => one[name]).filter(Number.isFinite);
}
