/** Why an item is listed, in one sentence that is true; the numbers behind it are for who opens the details. */

import { el } from "./dom.js";
import { inWords } from "./levels.js";
import { shortened } from "./words.js";

const MOSTLY = 0.5; // share of a score from which it is said to come from one thing
const TOLD = 0.12; // share of a score from which one item of a history is the reason by itself

/**
 * Return nodes of the sentence.
 *
 * `explanation` is the server's or null; `popular` the share of the score that everybody would give, null where it is not known.
 */
export function reason({ path, score }, explanation, popular, resolved) {
  if (path === "popularity" || resolved === "fallback") return ["Popular with everybody."];
  const fresh = path === "content";
  if (!explanation) return fresh ? freshly([], []) : [""];
  const { likes, terms } = strongest(explanation);
  const about = share(explanation, "What it is about");
  if (fresh) return freshly(likes, terms);
  if (popular !== null && popular >= MOSTLY) {
    return likes.length === 0 ? ["Popular with everybody."] : ["Popular with everybody, and with people who took ", ...named(likes), "."];
  }
  if (likes.length === 0) return terms.length === 0 ? [""] : ["About ", ...terms, "."];
  if (about >= MOSTLY) return ["It is like ", ...named(likes), ...(terms.length > 0 ? [": ", ...terms] : []), "."];
  if (likes[0].score < TOLD * score) return ["It fits much of what they took, such as ", ...named(likes), "."];
  return ["People who took ", ...named(likes), " took this too."];
}

/** The items and the terms that count most, at most two of each. */
function strongest({ history, content }) {
  const likes = history.parts.filter((one) => one.score > 0).slice(0, 2);
  const found = (content?.parts ?? []).filter((one) => one.score > 0 && !/^\d+$/.test(one.term)).slice(0, 2);
  return { likes, terms: joined(found.map((one) => el("span", { class: "because-item" }, one.term))) };
}

/** Of an item that nobody took: what it fits, what it is about, as far as either is known. */
function freshly(likes, terms) {
  const said = [likes.length > 0 && ["fits ", ...named(likes)], terms.length > 0 && ["about ", ...terms]].filter(Boolean);
  if (said.length === 0) return ["New: nobody in the training data took it."];
  return ["New, ", ...said.flatMap((part, at) => (at > 0 ? ["; ", ...part] : part)), "."];
}

function named(likes) {
  return joined(likes.map((one) => el("span", { class: "because-item", title: one.title }, shortened(one.title, 48))));
}

function joined(nodes) {
  return nodes.flatMap((node, at) => (at > 0 ? [" and ", node] : [node]));
}

/** The share of a score that comes from one kind of level. */
function share({ levels, score }, name) {
  const part = inWords(levels).find((one) => one.name === name);
  return part && score > 0 ? part.score / score : 0;
}
