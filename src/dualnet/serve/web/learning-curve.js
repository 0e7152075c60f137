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

const FITS = { choose: "on a part, to choose by the rest", final: "on all, for the model that is kept" };

/** The loss by epoch; where the run trained twice, first without its validation pairs, each time is a line of its own. */
function loss(entries) {
  const fits = new Map();
  for (const one of entries.filter(({ loss: value }) => Number.isFinite(value))) {
    const fit = String(one.phase ?? "").split("/")[0];
    fits.set(fit, [...(fits.get(fit) ?? []), one.loss]);
  }
  const lines = [...fits].map(([fit, values]) => ({ name: FITS[fit] ?? named(fit), values }));
  const most = Math.max(...lines.map(({ values }) => values.length), 0);
  if (most < 2) return null;
  const padded = ({ name, values }) => ({ name, values: [...values, ...Array(most - values.length).fill(null)] });
  const often = lines.length > 1 ? { lines: lines.map(padded) } : { values: lines[0].values };
  return [
    chart({ label: "Loss", ...often, format: (value) => value.toPrecision(3), from: "lowest", ends: ["epoch 1", `epoch ${most}`] }),
    el("p", { class: "soft small" }, `Loss on the training data in ${some(most, "epoch")}; less is better.`),
  ];
}

function numbers(entries, name) {
  return entries.map((one) => one[name]).filter(Number.isFinite);
}
