/** The three ways in which an explanation cuts a score, each as a small table that visibly adds up. */

import { el } from "./dom.js";
import { inWords } from "./levels.js";
import { ofNetwork, part, score as shown } from "./words.js";

const ROWS = 6; // parts shown before the rest is summed
const GAP = 1e-5; // a larger difference is told
const SHOWN = 5e-4; // a smaller part would be shown as zero

/** Return the tables of an explanation; `named` are those parts that its sentence names: they are shown, however small. */
export function sums(explanation, named = new Set()) {
  const { levels, history, content, score, method } = explanation;
  const gradients = method === "integrated-gradients";
  const tables = [table("By level", inWords(levels).flatMap(oneByOne), score)];
  tables.push(table("Because of", rows(history, named, (one) => one.title, gradients ? "With an empty history" : "What no single item explains"), score));
  if (content) {
    const several = new Set(content.parts.map((one) => one.column)).size > 1;
    const name = (one) => (several ? [one.term, " ", el("span", { class: "soft small" }, one.column)] : one.term);
    tables.push(table("For its content", rows(content, named, name, gradients ? "Without any content" : "What no single term explains"), score));
  }
  return el("div", { class: "sums" }, tables);
}

/** The lines of a part in its colour: one for each level of the networks, none for what adds nothing. */
function oneByOne({ name, score, levels }, at) {
  const each = levels.length > 1 && levels.every((level) => ofNetwork(level.name));
  const lines = each ? levels.map((level) => ({ name: `${name}, ${level.name}`, score: level.score })) : [{ name, score }];
  return lines.filter((line) => line.score !== 0).map((line) => ({ ...line, level: at }));
}

function rows(view, named, name, base) {
  const told = view.parts.filter((one) => named.has(one));
  const others = view.parts.filter((one) => !named.has(one) && Math.abs(one.score) >= SHOWN).slice(0, Math.max(ROWS - told.length, 0));
  const large = view.parts.filter((one) => told.includes(one) || others.includes(one));
  const made = large.map((one) => ({ name: name(one), score: one.score }));
  const rest = view.parts.filter((one) => !large.includes(one));
  if (rest.length > 0) made.push({ name: `${rest.length} more`, score: rest.reduce((sum, one) => sum + one.score, 0), aside: true });
  made.push({ name: base, score: view.base, aside: true });
  if (Math.abs(view.gap ?? 0) > GAP) made.push({ name: "Not accounted for", score: view.gap, aside: true });
  return made;
}

function table(title, lines, total) {
  const largest = Math.max(...lines.filter((line) => !line.aside).map((line) => Math.abs(line.score)), 1e-9);
  return el(
    "table",
    { class: "sum" },
    el("caption", {}, title),
    el(
      "tbody",
      {},
      lines.map((line) => {
        const colour = line.level === undefined ? (line.score < 0 ? "against" : "for") : `level-${line.level % 6}`;
        const filled = el("span", { class: `sum-fill ${colour}` });
        filled.style.width = `${(100 * Math.abs(line.score)) / largest}%`;
        return el(
          "tr",
          { class: line.aside ? "aside" : null },
          el("th", { scope: "row" }, el("span", { class: "sum-name" }, line.name), !line.aside && el("span", { class: "sum-bar" }, filled)),
          el("td", {}, part(line.score)),
        );
      }),
    ),
    el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Score"), el("td", {}, shown(total)))),
  );
}
