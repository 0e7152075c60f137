/** What is asked and which view is shown. The address is the only place where it is kept. */

import { USUAL, read, write } from "./address.js";

const listeners = new Set();
let kinds = { users: "string", items: "string" };

/** Nobody is asked for, nothing is chosen. */
export const NOTHING = Object.freeze({ user: null, history: [], columns: {}, kinds: "", filter: {}, preset: "", ...USUAL });

let now = { view: "recommendations", ...NOTHING };

/** The state; not to be changed. */
export function state() {
  return now;
}

/** Whether anybody is asked for. */
export function someone({ user, history, columns } = now) {
  return user !== null || history.length > 0 || Object.keys(columns).length > 0;
}

/** `{"user": id}` or `{"history": ids}`, with `{"user_columns": {...}}` or that alone, as the server wants it. */
export function asking({ user, history, columns } = now) {
  const who = user === null ? { history } : { user };
  if (Object.keys(columns).length === 0) return who;
  return user === null && history.length === 0 ? { user_columns: columns } : { ...who, user_columns: columns };
}

/** Call `listener(state)` after each change. */
export function onChange(listener) {
  listeners.add(listener);
}

/** Change the state and the address; a step back undoes it. */
export function go(change) {
  const stored = change.user != null ? { columns: {} } : {}; // somebody known has columns of their own
  const next = { ...now, ...stored, ...change };
  const address = write(next);
  if (address !== write(now)) history.pushState(null, "", address);
  become(next);
}

/** Add an item to the history. A known reader becomes a history that starts with what they took. */
export function addToHistory(id, base = now.history) {
  go({ user: null, history: base.includes(id) ? base : [...base, id] });
}

/** Take an item out of the history. */
export function removeFromHistory(id) {
  go({ history: now.history.filter((other) => other !== id) });
}

/** Read the address, and follow it from now on. */
export function startState(idKinds) {
  kinds = idKinds;
  const follow = () => {
    const next = read(location.hash, kinds);
    if (write(next) !== write(now)) become(next);
  };
  window.addEventListener("popstate", follow);
  window.addEventListener("hashchange", follow);
  become(read(location.hash, kinds));
}

function become(next) {
  now = Object.freeze(next);
  for (const listener of listeners) listener(now);
}
