/** How the fit went: a figure of the validation, step by step, as a line. */

import { el } from "./dom.js";
import { chart } from "./charts.js";
import { named, some } from "./words.js";

const MEASURE = /^(recall|ndcg|precision|map|mrr|figure|validation)/i;

/** Return a section, or null where the run kept no log with a figure in it. */
export function learningCurve(entries) {
  const name = entries.flatMap((one) => Object.keys(one)).find((key) => MEASURE.test(key) && entries.filter((one) => Number.isFinite(one[key])).length > 1);
  if (name === undefined) return null;
  const values = entries.filter((one) => Number.isFinite(one[name])).map((one) => one[name]);
  const best = Math.max(...values);
  const trials = entries.some((one) => one.trial !== undefined);
  return el(
    "section",
    {},
    el("h2", {}, "How the fit went"),
    chart({ label: `${named(name)} on the validation`, values, format: (value) => value.toFixed(3), from: "lowest" }),
    el("p", { class: "soft small" }, `${named(name)} on the validation at each of ${some(values.length, trials ? "trial" : "step")}; the best was ${best.toFixed(3)}.`),
  );
}
