/** Which of several methods did better when the model was made, by the figures that its run kept. */

import { el } from "./dom.js";
import { named } from "./words.js";

const QUESTIONS = ["known-all", "known-known"]; // the list that is served, or the nearest to it
const MEASURES = ["recall", "precision", "ndcg", "hit_rate", "map", "mrr"];

/**
 * Return a sentence of who is better for whom, or that nothing was measured.
 *
 * `metrics` is what the model's card keeps: `{tasks: [{task, metrics, rivals: [{name, metrics}]}], cuts}`; rivals may be missing.
 */
export function verdict(metrics, name) {
  const found = figuresOf(metrics);
  if (found === null) {
    return el("p", { class: "soft" }, "Which list is better was not measured when this model was made. Run ", el("code", {}, "dualnet evaluate"), " or fit with ", el("code", {}, "--protocol"), " to know.");
  }
  const { own, rivals, measure, cut } = found;
  const what = `${named(measure)} at ${cut}`;
  if (rivals.length === 0) {
    return el("p", { class: "soft" }, `Measured on held-out pairs, ${named(name)} has ${what.toLowerCase()} ${own.toFixed(3)}. Its rivals were not measured beside it.`);
  }
  const [best] = [...rivals].sort((a, b) => b.value - a.value);
  const said = own > best.value ? "is ahead of" : own === best.value ? "is level with" : "is behind";
  return el(
    "p",
    {},
    `Measured on held-out pairs, ${named(name)} ${said} ${named(best.name)}: ${what.toLowerCase()} ${own.toFixed(3)} and ${best.value.toFixed(3)}.`,
  );
}

/** The figure of each method on the served question: `{own, rivals: [{name, value}], measure, cut}`, or null. */
export function figuresOf(metrics) {
  const tasks = metrics?.tasks ?? [];
  const task = QUESTIONS.map((name) => tasks.find((one) => one.task === name && one.metrics)).find(Boolean);
  if (!task) return null;
  for (const measure of MEASURES) {
    for (const cut of metrics.cuts ?? []) {
      const own = mean(task.metrics[`${measure}@${cut}`]);
      if (own === null) continue;
      const rivals = (task.rivals ?? []).map((one) => ({ name: one.name, value: mean(one.metrics?.[`${measure}@${cut}`]) }));
      return { own, measure, cut, rivals: rivals.filter((one) => one.value !== null) };
    }
  }
  return null;
}

function mean(figure) {
  return Number.isFinite(figure?.mean) ? figure.mean : null;
}
