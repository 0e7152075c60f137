/** Why items are listed, a sentence each that is true; it says what sets an item apart from the others of its list. The numbers behind
 * it are for who opens the details. */

import { el } from "./dom.js";
import { inWords } from "./levels.js";
import { count, shortened } from "./words.js";

const MOSTLY = 0.5; // share of a score from which it is said to come from one thing
const TOLD = 0.12; // share of a score from which one item of a history is the reason by itself
const NEAR = 0.75; // share of the largest part from which an item of a long history counts as much
const HEARD = 0.05; // share of a score from which terms of the content are said
const BESIDE = 0.25; // share of the first term of a content from which a second is said beside it
const ALIKE = 1.6; // the largest part of a score by the smallest, up to which the items of a history count alike
const COMMON = 0.6; // share of a list from which a label sets nothing apart
const REPEATED = 3; // entries of a list from which what all begin with is said once
const SEVERAL = { 2: "either of the two", 3: "any of the three", 4: "any of the four" };

/**
 * Return `{shared, each}` of a list. `shared` is how the reasons of all entries would begin, said once, or null; `each` has `{nodes, popular,
 * named}` of each entry: the sentence, whether most of the score is what everybody gives (where that is so for half of the list at most), and
 * what the sentence names, for the details: parts of the explanation, and labels.
 *
 * An entry is `{path, score, explanation, popular, labels, taken}`: the server's explanation or null, the share of the score that
 * everybody would give or null, labels of the item, how many took it. `labelsOf(item)` returns those of an item of the history.
 */
export function reasons(entries, resolved, labelsOf = () => []) {
  const list = { usual: usualShares(entries), frequent: frequentLabels(entries), labelsOf };
  const telling = entries.filter(isPopular).length <= entries.length / 2; // a mark that most have sets nothing apart
  const said = entries.map((entry) => reason(entry, resolved, list));
  const alike = said.length >= REPEATED && said.every(({ several, lead }) => several !== null && textOf(lead) === textOf(said[0].lead));
  const whole = said.map(({ lead, further }) => (alike ? further : further.length > 0 ? [...lead, "; ", ...further] : lead));
  const texts = whole.map(textOf);
  const again = (at) => texts[at] === "" || texts.filter((text) => text === texts[at]).length > 1; // what sets apart is how many took it
  const told = (at) => (said[at].several !== null && again(at) ? counted(whole[at], entries[at]) : whole[at]);
  const orLead = (nodes, at) => (nodes.length > 0 ? nodes : said[at].lead); // where nothing else is known of it
  return {
    shared: alike ? closed(["These ", ...said[0].several()]) : null,
    each: entries.map((entry, at) => ({
      nodes: closed(capital(orLead(told(at), at))),
      popular: telling && isPopular(entry),
      named: said[at].named,
    })),
  };
}

/** A reason with how many took the item, where that is more than one. */
function counted(nodes, { taken }) {
  const people = taken > 1 ? [`${count(taken)} people took it`] : [];
  return [...nodes, ...(nodes.length > 0 && people.length > 0 ? ["; "] : []), ...people];
}

function isPopular({ path, popular }) {
  return path !== "content" && path !== "popularity" && (popular ?? 0) >= MOSTLY;
}

/** The reason of an entry, `{lead, several, further, named}`: how it begins, what returns the same said of several entries (null where it is
 * not to be said so), how it goes on, what it names. */
function reason(entry, resolved, list) {
  const { path, score, explanation } = entry;
  const plain = (lead, parts = []) => ({ lead, several: null, further: [], named: { parts: new Set(parts), labels: new Set() } });
  if (path === "popularity" || resolved === "fallback") return plain(entry.taken > 1 ? [`${count(entry.taken)} people took it`] : ["Popular with everybody"]);
  const fresh = path === "content";
  if (!explanation) return plain(fresh ? untaken([], []) : []);
  const likes = apart(explanation.history.parts, list.usual);
  const terms = heard(explanation, score, fresh);
  if (fresh) return plain(untaken(likes, terms), [...likes, ...terms]);
  if (likes.length === 0) return plain(terms.length === 0 ? [isPopular(entry) ? "Popular with everybody" : ""] : ["About ", ...joined(terms.map((one) => one.term))], terms);
  const common = entry.labels?.filter((label) => !list.frequent.has(label) && likes.some((one) => list.labelsOf(one.item).includes(label))).slice(0, 2) ?? [];
  const about = common.length > 0 ? [] : terms;
  const further = common.length > 0 ? ["in common: ", ...joined(common)] : about.length > 0 ? ["about ", ...joined(about.map((one) => one.term))] : [];
  return { ...begun(entry, likes), further, named: { parts: new Set([...likes, ...about]), labels: new Set(common) } };
}

/** How the reason of an entry begins, by what counts most: its content, several items of the history, or one. */
function begun({ score, explanation }, likes) {
  if (shareOf(explanation, "What it is about") >= MOSTLY) return { lead: ["It is like ", ...titles(likes)], several: () => ["are like ", ...titles(likes)] };
  if (likes[0].score < TOLD * score) {
    const history = () => [...titles(likes, ", "), " and more of their history"];
    return { lead: ["Fits ", ...history()], several: () => ["fit ", ...history()] };
  }
  const alike = asMuch(explanation.history.parts);
  const what = () => (alike ? [alike] : titles(likes));
  return { lead: ["People who took ", ...what(), " took this too"], several: () => ["were taken by people who took ", ...what()] };
}

/** "any of the three", where a few items count alike, so that none is named; else nothing. */
function asMuch(parts) {
  const sizes = parts.map((one) => one.score);
  const alike = parts.length > 1 && Math.min(...sizes) > 0 && Math.max(...sizes) <= ALIKE * Math.min(...sizes);
  return alike ? SEVERAL[parts.length] : undefined;
}

/** The one or two items of a history that count for this one more than for the others of the list, among those that count much; of a short
 * history two only where they count alike. */
function apart(parts, usual) {
  const good = parts.filter((one) => one.score > 0);
  const whole = sum(good);
  const largest = Math.max(...good.map((one) => one.score), 0);
  const more = (one) => one.score / whole / (usual.get(one.item) || 1);
  const least = parts.length > 3 ? NEAR * largest : largest / ALIKE;
  return good.filter((one) => one.score >= least).sort((a, b) => more(b) - more(a) || b.score - a.score).slice(0, 2);
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

/** The term that counts most, and a second that counts beside it, if they count; numbers by themselves say nothing, nor a word that two columns have. */
function heard({ content }, score, fresh) {
  const good = (content?.parts ?? []).filter((one) => one.score > 0 && !/^\d+$/.test(one.term));
  const words = good.map((one) => String(one.term).toLowerCase());
  const distinct = good.filter((one, at) => words.indexOf(words[at]) === at);
  const found = distinct.filter((one) => one.score >= BESIDE * distinct[0].score).slice(0, 2);
  return fresh || sum(found) >= HEARD * score ? found : [];
}

/** Of an item that nobody took, which its badge says: what it fits, what it is about, as far as either is known. */
function untaken(likes, terms) {
  const about = terms.length > 0 ? ["about ", ...joined(terms.map((one) => one.term))] : [];
  if (likes.length > 0) return ["It fits ", ...titles(likes), ...(about.length > 0 ? ["; ", ...about] : [])];
  return about.length > 0 ? ["It is ", ...about] : ["Listed for its content"];
}

function titles(likes, between) {
  return joined(likes.map((one) => one.title), between, 48);
}

function joined(texts, between = " and ", most = Infinity) {
  return texts.flatMap((text, at) => [...(at > 0 ? [between] : []), el("span", { class: "because-item", title: shortened(text, most) === text ? null : text }, shortened(text, most))]);
}

/** A sentence with its full stop, where it does not end with a mark of its own. */
function closed(nodes) {
  const text = textOf(nodes);
  return text === "" ? [""] : /[.!?\u2026]$/.test(text) ? nodes : [...nodes, "."];
}

function textOf(nodes) {
  return nodes.map((node) => node.textContent ?? node).join("");
}

function capital([first = "", ...others]) {
  if (typeof first !== "string") return [first, ...others];
  return [`${first.charAt(0).toUpperCase()}${first.slice(1)}`, ...others];
}

/** The share of a score that comes from one kind of level. */
function shareOf({ levels, score }, name) {
  const part = inWords(levels).find((one) => one.name === name);
  return part && score > 0 ? part.score / score : 0;
}

function sum(parts) {
  return parts.reduce((total, one) => total + one.score, 0);
}
