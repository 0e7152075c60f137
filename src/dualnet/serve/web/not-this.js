/** "Not this" and "Seen it": an item is not listed again, for a known person in the server, for a history made here until it is cleared. */

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
 * Return the buttons that dismiss an item. In its place comes a line with "Undo", which has the focus.
 *
 * `row` is the list's element of the item; what it holds is put aside and comes back by "Undo".
 */
export function notThis(row, item, title) {
  const { user } = state();
  const failed = el("span", { class: "problem-line", role: "alert" });
  const dislike = button("Not this", "dislike");
  const seen = button("Seen it", "seen");
  const said = el("p", { class: "soft" });
  const undo = el("button", { type: "button", class: "link", on: { click: restore } }, "Undo", el("span", { class: "unseen" }, `: list ${title} again`));
  const line = el("div", { class: "dismissed" }, said, undo);
  let aside = [];
  let pressed = dislike;

  function button(name, type) {
    const made = el("button", { type: "button", class: "link", on: { click: () => dismiss(made, type) } }, name, el("span", { class: "unseen" }, `: ${title}`));
    return made;
  }
  async function dismiss(from, type) {
    if (!(await told(from, type))) return;
    pressed = from;
    said.textContent = type === "seen" ? `${title} is noted as seen and will not be listed again.` : `${title} will not be listed again.`;
    aside = [...row.childNodes];
    row.replaceChildren(line);
    undo.focus();
    announce(`${said.textContent} Press Undo to take that back.`);
  }
  async function restore() {
    if (!(await told(undo, "none"))) return;
    row.replaceChildren(...aside);
    pressed.focus();
    announce(`${title} may be listed again`);
  }
  /** Tell the server, or note it here; whether that was done. */
  async function told(from, type) {
    failed.remove();
    if (user === null) {
      if (type === "none") dismissed.delete(item);
      else dismissed.add(item);
      return true;
    }
    from.disabled = true;
    try {
      await call("POST", "/v1/events", { events: [{ user, item, type }] });
      return true;
    } catch (error) {
      failed.textContent = error instanceof Problem ? error.message : "It could not be kept.";
      from.after(failed);
      return false;
    } finally {
      from.disabled = false;
    }
  }
  return [dislike, seen];
}
