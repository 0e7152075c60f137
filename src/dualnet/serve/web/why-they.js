/** Why each of some people would want an item that nobody has seen, in a few words. */

import { call } from "./api.js";
import { shortened } from "./words.js";

const ITEM = { integer: 9007199254740000, string: "something-new" };
let idKind = "string";

/** Say which kind of ids the items of this server have. */
export function useIds({ items }) {
  idKind = items;
}

/** A promise of `{understood, terms, of}`: whether the model knows anything of the content, which terms of each column it knows, and
 * for each person a short reason. */
export async function whyThey(users, content, signal) {
  const item = ITEM[idKind];
  const found = await Promise.all(users.map((user) => call("POST", "/v1/explain", { user, new_items: [{ id: item, content }], item }, signal)));
  const explanations = found.map((answer) => answer.explanation);
  const parts = explanations.flatMap((one) => one.content?.parts ?? []);
  return {
    understood: explanations.some((one) => one.content === null) || parts.some((part) => part.score !== 0),
    terms: new Set(parts.map((part) => `${part.column}\n${String(part.term).toLowerCase()}`)),
    of: new Map(users.map((user, at) => [user, inWords(explanations[at])])),
  };
}

function inWords({ history, content }) {
  const took = history.parts.filter((part) => part.score > 0).slice(0, 2).map((part) => shortened(part.title, 40));
  const terms = (content?.parts ?? []).filter((part) => part.score > 0).slice(0, 2).map((part) => part.term);
  const because = took.length > 0 ? `They took ${took.join(" and ")}` : "";
  const about = terms.length > 0 ? `it is about ${terms.join(" and ")}` : "";
  const said = [because, about].filter(Boolean).join("; ");
  return said === "" ? "" : `${said.charAt(0).toUpperCase()}${said.slice(1)}.`;
}
