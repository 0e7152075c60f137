/** A score as a bar of its levels. All bars of a list share one scale, so that lengths compare. */

import { el, fill } from "./dom.js";
import { levelInWords, part } from "./words.js";

const COLOURS = 6; // classes level-0 ... level-5

/** The largest positive and negative lengths of a list: `rows` are lists of numbers. */
export function scaleOf(rows) {
  const sums = rows.map((numbers) => [sum(numbers.filter((n) => n > 0)), -sum(numbers.filter((n) => n < 0))]);
  const right = Math.max(...sums.map(([plus]) => plus), 1e-9);
  const left = Math.max(...sums.map(([, minus]) => minus), 0);
  return { left, right };
}

/** The levels of an explanation in words, `[{name, score, levels}]`: those that the same words name are one part. */
export function inWords(levels) {
  const parts = new Map();
  for (const level of levels) {
    const name = levelInWords(level.name);
    const one = parts.get(name) ?? { name, score: 0, levels: [] };
    parts.set(name, { name, score: one.score + level.score, levels: [...one.levels, level] });
  }
  return [...parts.values()];
}

/** Draw a bar; `levels` is `[{name, score}]`, an unnamed single one is drawn plainly. */
export function bar(levels, scale) {
  const node = el("div", { class: "bar", role: "img", "aria-label": spoken(levels) });
  return drawBar(node, levels, scale);
}

/** Draw a bar anew. */
export function drawBar(node, levels, scale) {
  const whole = scale.left + scale.right;
  const plain = levels.length === 1 && levels[0].name === "";
  const segment = (level, at) => {
    const piece = el("span", { class: plain ? "segment-plain" : `level-${at % COLOURS}`, title: plain ? null : `${level.name} ${part(level.score)}` });
    piece.style.width = `${(100 * Math.abs(level.score)) / whole}%`;
    return piece;
  };
  const pieces = levels.map((level, at) => [level, segment(level, at)]);
  const below = pieces.filter(([level]) => level.score < 0);
  const space = el("span", { class: "bar-space" });
  space.style.width = `${(100 * (scale.left - sum(below.map(([level]) => -level.score)))) / whole}%`;
  for (const [, piece] of below) piece.classList.add("against");
  node.setAttribute("aria-label", spoken(levels));
  return fill(node, space, below.map(([, piece]) => piece), pieces.filter(([level]) => level.score >= 0).map(([, piece]) => piece));
}

/** What the colours mean. */
export function legend(levels) {
  return el(
    "ul",
    { class: "legend", "aria-label": "Levels" },
    levels.map((level, at) => el("li", {}, el("span", { class: `dot level-${at % COLOURS}` }), level.name)),
  );
}

function spoken(levels) {
  if (levels.length === 1 && levels[0].name === "") return "Score";
  return `By level: ${levels.map(({ name, score }) => `${name} ${part(score)}`).join(", ")}`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
