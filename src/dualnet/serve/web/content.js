/** An item's content as a person reads it: text as paragraphs, tags as tags, the rest as pairs. */

import { el } from "./dom.js";
import { marked, strength, termsOf } from "./marked-text.js";
import { count, named, part } from "./words.js";

const TAGS = 24; // shown before the rest is counted
const ENTITY = /&#?\w+;/g;

/**
 * Return nodes for a card's content.
 *
 * `columns` maps each column to its kind, `parts` are those of an explanation's content view, `named` labels that come first. The title
 * is left out: it stands above.
 */
export function content(card, columns, parts = [], named = new Set()) {
  const texts = [];
  const pairs = [];
  for (const [name, value] of Object.entries(card.content)) {
    if (value === null || value === "" || columns[name] === "images") continue;
    if (isTitle(value, card.title)) continue;
    const terms = termsOf(parts, name);
    if (columns[name] === "tags") pairs.push(pair(name, tags(value, terms, named)));
    else if (Array.isArray(value)) pairs.push(pair(name, value.length > 24 ? `${value.length} numbers` : value.join(", ")));
    else if (typeof value === "string" && (columns[name] === "text" || value.length > 60)) {
      texts.push(el("p", { class: "content-text" }, marked(value, terms)));
    } else pairs.push(pair(name, marked(String(value), terms)));
  }
  const nothing = texts.length + pairs.length === 0;
  return [texts, pairs.length > 0 && el("dl", { class: "pairs" }, pairs), nothing && el("p", { class: "soft" }, "There is no more to read of it.")];
}

/** The title with its terms marked. */
export function markedTitle(card, parts) {
  const column = Object.keys(card.content).find((name) => isTitle(card.content[name], card.title));
  return column === undefined ? card.title : marked(card.title, termsOf(parts, column));
}

/** Whether a cell is the title, which the server shows without the marks that catalogues leave in it: braces, and entities, each of which
 * stands for one character or two. */
function isTitle(value, title) {
  if (value === title) return true;
  if (typeof value !== "string" || !/[{&\\]/.test(value)) return false;
  const [letters, shown] = [lettersOf(value.replaceAll(ENTITY, "")), lettersOf(title)];
  let at = 0;
  for (const letter of letters) {
    at = shown.indexOf(letter, at) + letter.length;
    if (at < letter.length) return false;
  }
  return shown.length - letters.length <= 2 * (value.match(ENTITY)?.length ?? 0);
}

function lettersOf(text) {
  return text.replaceAll(/[^\p{L}\p{N}]+/gu, "");
}

function pair(name, value) {
  return el("div", {}, el("dt", {}, named(name)), el("dd", {}, value));
}

function tags(value, { largest, scores }, named) {
  const list = (Array.isArray(value) ? value : String(value).split("|")).map((tag) => String(tag).trim()).filter(Boolean);
  const size = (tag) => Math.abs(scores.get(tag.toLowerCase()) ?? 0);
  // those that the reason names come first, then those that count
  const ordered = [...list].sort((a, b) => named.has(b) - named.has(a) || (scores.size > 0 ? size(b) - size(a) : 0));
  return el(
    "ul",
    { class: "tags" },
    ordered.slice(0, TAGS).map((tag) => {
      const score = scores.get(tag.toLowerCase());
      return el("li", {}, score === undefined ? tag : el("mark", { class: strength(score, largest), title: part(score) }, tag));
    }),
    list.length > TAGS && el("li", { class: "rest" }, `and ${count(list.length - TAGS)} more`),
  );
}
