/** Running text with the terms that count for a score marked. */

import { el } from "./dom.js";
import { part } from "./words.js";

const FAINTEST = 0.04; // of the largest part: what is smaller is not marked
const MOST = 60; // terms
const NO_BLANKS =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\u30fc\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** The parts of one column as a map of a lower-case term to its score; small ones are left out. */
export function termsOf(parts, column) {
  const largest = Math.max(...parts.map(({ score }) => Math.abs(score)), 0);
  const chosen = parts.filter((one) => one.column === column && Math.abs(one.score) >= FAINTEST * largest).slice(0, MOST);
  return { largest, scores: new Map(chosen.map(({ term, score }) => [String(term).toLowerCase(), score])) };
}

/** Return nodes of `text` with its terms in mark elements, stronger where they count more. */
export function marked(text, { largest, scores }) {
  if (scores.size === 0) return [text];
  const terms = [...scores.keys()].sort((a, b) => b.length - a.length);
  const found = new RegExp(terms.map(whole).join("|"), "giu");
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(found)) {
    const score = scores.get(match[0].toLowerCase());
    if (score === undefined) continue;
    nodes.push(text.slice(from, match.index), el("mark", { class: strength(score, largest), title: part(score) }, match[0]));
    from = match.index + match[0].length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

/** The class of a mark. */
export function strength(score, largest) {
  if (score < 0) return "against";
  const share = score / largest;
  return share >= 0.5 ? "strong" : share >= 0.2 ? "medium" : "faint";
}

/** A term as an expression: a word by itself, or anywhere where the script has no blanks between words. */
function whole(term) {
  return NO_BLANKS.test(term) ? escaped(term) : `(?<![\\p{L}\\p{N}\\p{M}_])${escaped(term)}(?![\\p{L}\\p{N}\\p{M}_])`;
}

function escaped(term) {
  return term.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
