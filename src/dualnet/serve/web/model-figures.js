/** Figures of the evaluation that a run kept with its model. */

import { el } from "./dom.js";
import { count, named } from "./words.js";

const SIDES = { "known-known": ["known", "known"], "known-new": ["known", "new"], "new-known": ["new", "known"], "new-new": ["new", "new"], "known-all": ["known", "all"], "new-all": ["new", "all"] };
const FIRST = { "precision@10": "hold something held out that they like", "new_share@10": "something that nobody took in the training data", "unliked_share@10": "something that nobody took in the held-out data either" };
const SHOWN = ["recall", "ndcg", "hit_rate", "map", "mrr", "precision"];

/** Return the section of what was measured when the model was made: of the model, and of others beside it. */
export function figures(metrics, name) {
  const tasks = metrics?.tasks?.filter((task) => task.metrics) ?? [];
  const cuts = metrics?.cuts ?? [];
  if (tasks.length === 0 || cuts.length === 0) return el("section", {}, el("h2", {}, "Figures"), el("p", { class: "soft" }, "None were measured when this model was made; ", el("code", {}, "dualnet fit --protocol"), " keeps them."));
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
    (metrics.against ?? []).length > 0 && beside(tasks, metrics.against, `${measure}@${cuts[0]}`, name),
    metrics.protocol && el("details", { class: "soft small" }, el("summary", {}, "How this was measured"), el("p", {}, metrics.protocol)),
  );
}

/** One figure of the model and of those that were measured beside it, a column each; the best of each row is bold. */
function beside(tasks, against, figureName, name) {
  const models = [{ model: name, tasks }, ...against];
  const value = ({ tasks: own }, { task }) => own.find((one) => one.task === task)?.metrics?.[figureName]?.mean;
  const row = (task) => {
    const values = models.map((one) => value(one, task));
    const best = Math.max(...values.filter(Number.isFinite));
    return el("tr", {}, el("th", { scope: "row" }, side(task.task)), values.map((one) => el("td", { class: one === best ? "best" : null }, Number.isFinite(one) ? one.toFixed(3) : "n/a")));
  };
  const [measure, cut] = figureName.split("@");
  const caption = `${named(measure)} at ${cut}, beside simple models`;
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": caption },
    el(
      "table",
      { class: "figures" },
      el("caption", {}, caption),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "People, items"), models.map((one) => el("th", { scope: "col" }, named(one.model))))),
      el("tbody", {}, tasks.map(row)),
    ),
  );
}

/** What the first ten places of the list that people are served hold, in a sentence. */
function served(task) {
  const parts = Object.entries(FIRST).filter(([name]) => task.metrics[name] && task.question);
  if (parts.length === 0) return null;
  const said = parts.map(([name, text]) => `${(100 * task.metrics[name].mean).toFixed(1)} % ${text}`).join(", ");
  return el("p", { class: "soft small" }, `${capital(side(task.task))}, in one list as it is served: of the first ten places ${said}.`);
}

function capital(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
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
