/** Talking to the server: JSON there and back, a key where one is wanted, one sentence for each failure. */

import { askForKey, storedKey } from "./api-key.js";
import { sentence } from "./words.js";

/** What went wrong, in one sentence for a person. */
export class Problem extends Error {
  constructor(message, status = 0, code = "") {
    super(sentence(message));
    this.status = status;
    this.code = code;
  }
}

/** Ask and return the JSON of the answer. Throws `Problem`, or AbortError if `signal` says so. */
export async function call(method, path, body, signal) {
  const answer = await send(method, path, body, signal);
  let value;
  try {
    value = await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server answered with something that is not JSON", answer.status);
  }
  if (!answer.ok) throw new Problem(forPeople(value?.error?.message) ?? `The server answered with status ${answer.status}`, answer.status, value?.error?.code);
  noteVersion(value?.model?.version);
  return value;
}

/** A server's message without what only helps who writes programs. */
function forPeople(message) {
  return message?.replace(/; for someone new pass a history instead$/, "").replace(/^unknown user (.*)$/, "nobody with the id $1 is known here")
    .replace(/^unknown item(?: in the history)? (.*)$/, "no item with the id $1 is in the catalogue");
}

/** Call `listener` once, when another version of the model answers than at first: what the page remembers may be wrong. */
export function onNewVersion(listener) {
  tellVersion = listener;
}

/** Return the bytes at a path as a Blob. */
export async function bytes(path, signal) {
  const answer = await send("GET", path, undefined, signal);
  if (!answer.ok) throw new Problem(`The server answered with status ${answer.status}`, answer.status);
  return answer.blob();
}

/** The path of an item; ids may hold anything. */
export function itemPath(id) {
  return `/v1/items/${encodeURIComponent(id)}`;
}

/** The path of a person. */
export function userPath(id) {
  return `/v1/users/${encodeURIComponent(id)}`;
}

/** The whole number that a text is; beyond 2^53, where numbers of a browser are those of somebody else, the text, which the server
 * gives and takes in its place. */
export function wholeNumber(text) {
  return Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

let version;
let tellVersion = () => undefined;

function noteVersion(seen) {
  version ??= seen;
  if (seen === undefined || seen === version) return;
  tellVersion();
  tellVersion = () => undefined;
}

async function send(method, path, body, signal) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  for (;;) {
    const key = storedKey();
    const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, signal, body: text });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem("The server cannot be reached");
    }
    if (answer.status !== 401) return answer;
    // another call may have got a key meanwhile
    if (storedKey() === key && !(await askForKey(key !== null))) throw new Problem("This needs a key", 401);
    signal?.throwIfAborted();
  }
}
