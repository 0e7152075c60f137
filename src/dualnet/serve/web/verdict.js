/** Which of several methods did better when the model was made, by the figures that its run kept. */

import { el } from "./dom.js";
import { named } from "./words.js";

const QUESTIONS = ["known-all", "known-known"]; // the list that is served, or the nearest to it
const MEASURES = ["recall", "precision", "ndcg", "hit_rate", "map", "mrr"];

/**
 * Return a sentence of who is better, or that it was not measured.
 *
 * `metrics` is what the model's card keeps, a report as JSON: `{tasks, cuts, against: [{model, tasks, differences}]}`; other models
 * may be missing.
 */
export function verdict(metrics, name) {
  const found = figuresOf(metrics);
  if (found === null) {
    return el("p", { class: "soft" }, "Which list is better was not measured when this model was made; ", el("code", {}, "dualnet fit --protocol"), " measures it.");
  }
  const { own, rivals, measure, cut } = found;
  const what = `${named(measure).toLowerCase()} at ${cut}`;
  if (rivals.length === 0) {
    return el("p", { class: "soft" }, `Measured on held-out pairs, ${named(name)} has a ${what} of ${own.toFixed(3)}. This run keeps no figures of its rivals.`);
  }
  const [best] = [...rivals].sort((a, b) => b.value - a.value);
  return el("p", {}, `Measured on held-out pairs, ${named(name)} ${stands(own, best)} ${named(best.name)}, with a ${what} of ${own.toFixed(3)} against ${best.value.toFixed(3)}.`);
}

/** Ahead or behind, unless the interval of the difference holds zero. */
function stands(own, { value, interval }) {
  if (own === value || (interval && interval[0] <= 0 && interval[1] >= 0)) return "is level with";
  return own > value ? "is ahead of" : "is behind";
}

/** The figure of each method on the served question: `{own, rivals: [{name, value, interval}], measure, cut}`, or null. */
export function figuresOf(metrics) {
  const tasks = metrics?.tasks ?? [];
  const task = QUESTIONS.map((name) => tasks.find((one) => one.task === name && one.metrics)).find(Boolean);
  if (!task) return null;
  for (const measure of MEASURES) {
    for (const cut of metrics.cuts ?? []) {
      const figure = `${measure}@${cut}`;
      const own = mean(task.metrics[figure]);
      if (own === null) continue;
      const rivals = (metrics.against ?? []).map((one) => ({
        name: one.model,
        value: mean(one.tasks.find((other) => other.task === task.task)?.metrics?.[figure]),
        interval: one.differences?.[task.task]?.[figure]?.ci95,
      }));
      return { own, measure, cut, rivals: rivals.filter((one) => one.value !== null) };
    }
  }
  return null;
}

function mean(figure) {
  return Number.isFinite(figure?.mean) ? figure.mean : null;
}
