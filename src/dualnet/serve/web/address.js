/** The page's state as the part of its address after #, so that it can be shared and the back button works. */

import { wholeNumber } from "./api.js";

export const VIEWS = ["recommendations", "compare", "map", "new", "model"];

/** Dials of a list where nobody has turned them. */
export const USUAL = { popularity: 1, recency: 0, diversity: 0 };

/**
 * Read `#/view?user=ID` or `#/view?history=ID,ID`, with `popularity=0.5`, `kinds=known|new|0.3` and `columns={...}` where they are
 * not as usual, and `filter={...}`, conditions as the server takes them, and
 * `preset=NAME`, rules that the server keeps.
 *
 * `kinds` says of `users` and `items` whether their ids are "integer" or "string". Returns `{view, user, history, columns,
 * popularity, recency, diversity, kinds, filter, preset}`; `user` is null where there is none. What is not an id of its kind, and what makes no sense, is left out.
 */
export function read(hash, kinds) {
  const [path, query = ""] = splitOnce(hash.replace(/^#\/?/, ""), "?");
  const fields = new Map(query.split("&").map((field) => splitOnce(field, "=")));
  const users = ids(fields.get("user"), kinds.users);
  return {
    view: VIEWS.includes(path) ? path : VIEWS[0],
    user: users.length > 0 ? users[0] : null,
    history: users.length > 0 ? [] : [...new Set(ids(fields.get("history"), kinds.items))],
    columns: columns(fields.get("columns")),
    popularity: share(fields.get("popularity"), USUAL.popularity),
    recency: share(fields.get("recency"), USUAL.recency),
    diversity: share(fields.get("diversity"), USUAL.diversity),
    filter: conditions(fields.get("filter")),
    preset: decoded(fields.get("preset") ?? "") ?? "",
    kinds: ["known", "new"].includes(fields.get("kinds")) ? fields.get("kinds") : String(share(fields.get("kinds"), "")),
  };
}

/** The inverse of `read`. */
export function write({ view, user, history, columns = {}, kinds = "", filter = {}, preset = "", ...dials }) {
  const fields = [];
  if (user !== null) fields.push(`user=${encodeURIComponent(user)}`);
  else if (history.length > 0) fields.push(`history=${history.map(encodeURIComponent).join(",")}`);
  if (Object.keys(columns).length > 0) fields.push(`columns=${encodeURIComponent(JSON.stringify(columns))}`);
  for (const [name, usual] of Object.entries(USUAL)) {
    if (dials[name] !== undefined && dials[name] !== usual) fields.push(`${name}=${dials[name]}`);
  }
  if (kinds !== "") fields.push(`kinds=${kinds}`);
  if (preset !== "") fields.push(`preset=${encodeURIComponent(preset)}`);
  if (Object.keys(filter).length > 0) fields.push(`filter=${encodeURIComponent(JSON.stringify(filter))}`);
  return fields.length > 0 ? `#/${view}?${fields.join("&")}` : `#/${view}`;
}

function share(text, otherwise) {
  const found = Number(text);
  return text && found >= 0 && found <= 1 ? found : otherwise;
}

function columns(text) {
  return Object.fromEntries(Object.entries(object(text)).filter(([, value]) => plain(value)));
}

function conditions(text) {
  const good = (value) => {
    if (value === null || typeof value !== "object") return false;
    if (Array.isArray(value.any)) return Object.keys(value).length === 1 && value.any.length > 0 && value.any.every(plain);
    const names = Object.keys(value);
    return names.length > 0 && names.every((name) => (name === "min" || name === "max") && plain(value[name]));
  };
  return Object.fromEntries(Object.entries(object(text)).filter(([, value]) => good(value)));
}

function plain(value) {
  return ["string", "number"].includes(typeof value);
}

function object(text = "") {
  try {
    const found = JSON.parse(decodeURIComponent(text) || "{}");
    return found !== null && typeof found === "object" && !Array.isArray(found) ? found : {};
  } catch {
    return {}; // a link that was cut
  }
}

function ids(text = "", kind) {
  const found = text.split(",").filter(Boolean).map(decoded).filter((id) => id !== null);
  return kind === "integer" ? found.filter((text) => /^-?\d{1,19}$/.test(text)).map(wholeNumber) : found;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // a broken escape, from a link that was cut
  }
}

function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
