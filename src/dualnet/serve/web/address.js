/** The page's state as the part of its address after #, so that it can be shared and the back button works. */

export const VIEWS = ["recommendations", "compare", "map", "new", "model"];

/**
 * Read `#/view?user=ID` or `#/view?history=ID,ID`.
 *
 * `kinds` says of `users` and `items` whether their ids are "integer" or "string". Returns `{view, user, history}`; `user` is
 * null where there is none. What is not an id of its kind is left out.
 */
export function read(hash, kinds) {
  const [path, query = ""] = splitOnce(hash.replace(/^#\/?/, ""), "?");
  const fields = new Map(query.split("&").map((field) => splitOnce(field, "=")));
  const users = ids(fields.get("user"), kinds.users);
  return {
    view: VIEWS.includes(path) ? path : VIEWS[0],
    user: users.length > 0 ? users[0] : null,
    history: users.length > 0 ? [] : [...new Set(ids(fields.get("history"), kinds.items))],
  };
}

/** The inverse of `read`. */
export function write({ view, user, history }) {
  if (user !== null) return `#/${view}?user=${encodeURIComponent(user)}`;
  if (history.length > 0) return `#/${view}?history=${history.map(encodeURIComponent).join(",")}`;
  return `#/${view}`;
}

function ids(text = "", kind) {
  const found = text.split(",").filter(Boolean).map(decoded).filter((id) => id !== null);
  return kind === "integer" ? found.map(Number).filter(Number.isSafeInteger) : found;
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
