/** "Not this": an item is not listed again, for a known person in the server, for a history made here until it is cleared. */

import { announce } from "./announce.js";
import { Problem, call } from "./api.js";
import { el } from "./dom.js";
import { state } from "./state.js";

let dismissed = new Set(); // for a history made here

/** `{"seen": ids}` for a question about a history made here, `{}` otherwise. */
export function excluded({ user, history } = state()) {
  return user === null && dismissed.size > 0 ? { seen: [...dismissed].filter((id) => !history.includes(id)) } : {};
}

/** Forget what was dismissed for a history that is no more. */
export function forgetDismissed() {
  dismissed = new Set();
}

/**
 * Return the button that dismisses an item. In its place comes a line with "Undo", which has the focus.
 *
 * `row` is the list's element of the item; what it holds is put aside and comes back by "Undo".
 */
export function notThis(row, item, title) {
  const { user } = state();
  const failed = el("span", { class: "problem-line", role: "alert" });
  const button = el("button", { type: "button", class: "link", on: { click: dismiss } }, "Not this", el("span", { class: "unseen" }, `: ${title}`));
  const undo = el("button", { type: "button", class: "link", on: { click: restore } }, "Undo", el("span", { class: "unseen" }, `: list ${title} again`));
  const line = el("div", { class: "dismissed" }, el("p", { class: "soft" }, `${title} will not be listed again.`), undo);
  let aside = [];

  async function dismiss() {
    if (!(await told(button, "dislike"))) return;
    aside = [...row.childNodes];
    row.replaceChildren(line);
    undo.focus();
    announce(`${title} will not be listed again. Press Undo to take that back.`);
  }
  async function restore() {
    if (!(await told(undo, "none"))) return;
    row.replaceChildren(...aside);
    button.focus();
    announce(`${title} may be listed again`);
  }
  /** Tell the server, or note it here; whether that was done. */
  async function told(pressed, type) {
    failed.remove();
    if (user === null) {
      if (type === "dislike") dismissed.add(item);
      else dismissed.delete(item);
      return true;
    }
    pressed.disabled = true;
    try {
      await call("POST", "/v1/events", { events: [{ user, item, type }] });
      return true;
    } catch (error) {
      failed.textContent = error instanceof Problem ? error.message : "It could not be kept.";
      pressed.after(failed);
      return false;
    } finally {
      pressed.disabled = false;
    }
  }
  return button;
}
