/** Why items are listed, a sentence each that is true; it says what sets an item apart from the others of its list. The numbers behind
 * it are for who opens the details. */

import { el } from "./dom.js";
import { inWords } from "./levels.js";
import { count, shortened } from "./words.js";

const MOSTLY = 0.5; // share of a score from which it is said to come from one thing
const TOLD = 0.12; // share of a score from which one item of a history is the reason by itself
const HEARD = 0.05; // share of a score from which terms of the content are said
const ALIKE = 1.6; // the largest part of a score by the smallest, up to which the items of a history count alike
const COMMON = 0.6; // share of a list from which a label sets nothing apart
const SEVERAL = { 2: "either of the two", 3: "any of the three", 4: "any of the four" };

/**
 * Return `[{nodes, popular}]` of the entries of a list: the sentence, and whether most of the score is what everybody gives, where
 * that is so for half of the list at most.
 *
 * An entry is `{path, score, explanation, popular, labels, taken}`: the server's explanation or null, the share of the score that
 * everybody would give or null, labels of the item, how many took it. `labelsOf(item)` returns those of an item of the history.
 */
export function reasons(entries, resolved, labelsOf = () => []) {
  const usual = usualShares(entries);
  const frequent = frequentLabels(entries);
  const telling = entries.filter(isPopular).length <= entries.length / 2; // a mark that most have sets nothing apart
  return entries.map((entry) => ({ nodes: closed(sentence(entry, resolved, { usual, frequent, labelsOf })), popular: telling && isPopular(entry) }));
}

function isPopular({ path, popular }) {
  return path !== "content" && path !== "popularity" && (popular ?? 0) >= MOSTLY;
}

function sentence(entry, resolved, list) {
  const { path, score, explanation } = entry;
  if (path === "popularity" || resolved === "fallback") return entry.taken > 1 ? [`${count(entry.taken)} people took it`] : ["Popular with everybody"];
  const fresh = path === "content";
  if (!explanation) return fresh ? freshly([], []) : [];
  const likes = apart(explanation.history.parts, list.usual);
  const terms = heard(explanation, score, fresh);
  if (fresh) return freshly(likes, terms);
  if (likes.length === 0) return terms.length === 0 ? [isPopular(entry) ? "Popular with everybody" : ""] : ["About ", ...joined(terms)];
  const common = entry.labels?.filter((label) => !list.frequent.has(label) && likes.some((one) => list.labelsOf(one.item).includes(label))).slice(0, 2) ?? [];
  const about = terms.filter((term) => !common.some((label) => label.toLowerCase() === String(term).toLowerCase()));
  const further = common.length > 0 ? ["in common: ", ...joined(common)] : about.length > 0 ? ["about ", ...joined(about)] : [];
  if (shareOf(explanation, "What it is about") >= MOSTLY) return ["It is like ", ...named(likes), ...(further.length > 0 ? ["; ", ...further] : [])];
  if (likes[0].score < TOLD * score) return ["Fits ", ...named(likes, ", "), " and more of their history", ...(further.length > 0 ? ["; ", ...further] : [])];
  return [...tookToo(explanation.history.parts, likes), ...(further.length > 0 ? ["; ", ...further] : [])];
}

/** "People who took A took this too"; of a few that count alike none is named. */
function tookToo(parts, likes) {
  const sizes = parts.map((one) => one.score);
  const alike = parts.length > 1 && Math.min(...sizes) > 0 && Math.max(...sizes) <= ALIKE * Math.min(...sizes);
  return ["People who took ", ...(alike && SEVERAL[parts.length] ? [SEVERAL[parts.length]] : named(likes)), " took this too"];
}

/** The items of a history that count for this one more than for the others of the list, among those that count much: one of a short
 * history, two of a longer one. */
function apart(parts, usual) {
  const good = parts.filter((one) => one.score > 0);
  const whole = sum(good);
  const largest = Math.max(...good.map((one) => one.score), 0);
  const more = (one) => one.score / whole / (usual.get(one.item) || 1);
  return good.filter((one) => one.score >= MOSTLY * largest).sort((a, b) => more(b) - more(a) || b.score - a.score).slice(0, parts.length > 3 ? 2 : 1);
}

/** The mean share of each item of the history in what speaks for the entries of a list. */
function usualShares(entries) {
  const shares = new Map();
  for (const { explanation } of entries) {
    const good = explanation?.history.parts.filter((one) => one.score > 0) ?? [];
    const whole = sum(good);
    for (const one of good) shares.set(one.item, (shares.get(one.item) ?? 0) + one.score / whole / entries.length);
  }
  return shares;
}

/** Labels that most of a list have. */
function frequentLabels(entries) {
  const counts = new Map();
  for (const { labels } of entries) for (const label of new Set(labels ?? [])) counts.set(label, (counts.get(label) ?? 0) + 1);
  return new Set([...counts].filter(([, number]) => number > 1 && number > COMMON * entries.length).map(([label]) => label));
}

/** The two terms that count most, if they count; numbers by themselves say nothing. */
function heard({ content }, score, fresh) {
  const found = (content?.parts ?? []).filter((one) => one.score > 0 && !/^\d+$/.test(one.term)).slice(0, 2);
  return fresh || sum(found) >= HEARD * score ? found.map((one) => one.term) : [];
}

/** Of an item that nobody took: what it fits, what it is about, as far as either is known. */
function freshly(likes, terms) {
  const said = [likes.length > 0 && ["fits ", ...named(likes)], terms.length > 0 && ["about ", ...joined(terms)]].filter(Boolean);
  if (said.length === 0) return ["New: nobody in the training data took it"];
  return ["New, ", ...said.flatMap((part, at) => (at > 0 ? ["; ", ...part] : part))];
}

function named(likes, between) {
  return joined(likes.map((one) => one.title), between, 48);
}

function joined(texts, between = " and ", most = Infinity) {
  return texts.flatMap((text, at) => [...(at > 0 ? [between] : []), el("span", { class: "because-item", title: shortened(text, most) === text ? null : text }, shortened(text, most))]);
}

/** A sentence with its full stop, where it does not end with a mark of its own. */
function closed(nodes) {
  const text = nodes.map((node) => node.textContent ?? node).join("");
  return text === "" ? [""] : /[.!?\u2026]$/.test(text) ? nodes : [...nodes, "."];
}

/** The share of a score that comes from one kind of level. */
function shareOf({ levels, score }, name) {
  const part = inWords(levels).find((one) => one.name === name);
  return part && score > 0 ? part.score / score : 0;
}

function sum(parts) {
  return parts.reduce((total, one) => total + one.score, 0);
}
