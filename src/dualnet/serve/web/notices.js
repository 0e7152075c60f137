/** A line at the foot of the page that everybody sees: what was done, or what failed, with a way to try again. */

import { announce } from "./announce.js";
import { Problem } from "./api.js";
import { CROSS, el, icon } from "./dom.js";

const SECONDS = 6; // that a good line stays

let shown = null;

/** Say that something was done. */
export function done(sentence) {
  const line = show(el("div", { class: "notice" }, el("p", {}, sentence)));
  announce(sentence);
  window.setTimeout(() => line === shown && line.remove(), SECONDS * 1000);
}

/** Say what failed; `again` is called by the button "Try again". It stays until it is closed. */
export function failed(error, again) {
  const sentence = error instanceof Problem ? error.message : "Something went wrong on this page.";
  const retry = again && el("button", { type: "button", class: "quiet", on: { click: () => { line.remove(); again(); } } }, "Try again");
  const close = el("button", { type: "button", class: "icon-button small", "aria-label": "Close this notice", on: { click: () => line.remove() } }, icon(CROSS, 14));
  const line = show(el("div", { class: "notice bad", role: "alert" }, el("p", {}, sentence), retry, close));
}

function show(line) {
  shown?.remove();
  shown = line;
  document.body.append(line);
  return line;
}
