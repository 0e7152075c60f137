/** Items: looked up by title or id, added, hidden and listed again. */

import { call, itemPath } from "./api.js";
import { ask } from "./confirm.js";
import { el, fill } from "./dom.js";
import { done, failed } from "./notices.js";
import { finder } from "./operate-finder.js";
import { some } from "./words.js";

const SHOWN = 10;
const AT_FIRST = 5; // before anything is typed

/** Fill the section. */
export function startItems(host) {
  fill(
    host,
    el("div", { class: "list-head" }, el("h2", {}, "Items"), el("a", { class: "link", href: "/#/new" }, "Add an item")),
    finder({ label: "Look up by title or id", find, draw: line, none: "No item fits." }),
  );
}

async function find(text, signal) {
  const [found, exact] = await Promise.all([
    call("GET", `/v1/items?limit=${text === "" ? AT_FIRST : SHOWN}&query=${encodeURIComponent(text)}`, undefined, signal),
    text === "" ? null : call("GET", itemPath(text), undefined, signal).catch((error) => away(text, error, signal)),
  ]);
  const items = exact === null ? found.items : [exact, ...found.items.filter((one) => one.item !== exact.item)];
  return { entries: items.slice(0, SHOWN), total: Math.max(found.total, items.length) };
}

/** What stands for an item that is not listed: the id of a hidden one, else nothing. */
function away(item, error, signal) {
  if (signal.aborted || ![404, 422].includes(error.status)) throw error; // 422: not an id of the kind that items have here
  return error.message.endsWith("was deleted.") ? { item, title: item, path: "known", hidden: true } : null;
}

function line(card) {
  const node = el("li", {});
  const hide = el("button", { type: "button", class: "link danger", on: { click: hidden } }, card.path === "known" ? "Hide" : "Delete", el("span", { class: "unseen" }, `: ${card.title}`));
  const again = el("button", { type: "button", class: "link", on: { click: listed } }, "List it again", el("span", { class: "unseen" }, `: ${card.title}`));
  const actions = el("div", { class: "row" }, hide);
  const state = el("span", { class: "soft small" }, what());
  fill(node, el("div", { class: "found-line" }, el("div", {}, el("strong", {}, card.title), state), actions));
  if (card.hidden) {
    state.textContent = what(true);
    fill(actions, again);
  }

  function what(hiddenNow = false) {
    const kind = card.path === "known" ? `taken by ${some(card.taken, "person", "people")} in the training data` : "added since the model was made";
    return `${card.item} \u00b7 ${hiddenNow ? "hidden from all lists" : kind}`;
  }
  async function hidden() {
    const known = card.path === "known";
    if (!(await ask(known ? `Hide \u201c${card.title}\u201d?` : `Delete \u201c${card.title}\u201d?`, known ? "It leaves all lists until it is listed again." : "It leaves the catalogue for good.", known ? "Hide it" : "Delete it"))) return;
    await change("DELETE", undefined, () => {
      if (!known) {
        node.remove();
        done(`\u201c${card.title}\u201d is deleted.`);
        return;
      }
      state.textContent = what(true);
      fill(actions, again);
      again.focus();
      done(`\u201c${card.title}\u201d is hidden.`);
    });
  }
  async function listed() {
    // an item of the model keeps its own content, whatever is given
    await change("PUT", { content: card.content ?? { title: null } }, async () => {
      done(`\u201c${card.title}\u201d may be listed again.`);
      if (card.hidden) {
        const fresh = line(await call("GET", itemPath(card.item)));
        node.replaceWith(fresh);
        fresh.querySelector("button").focus();
        return;
      }
      state.textContent = what();
      fill(actions, hide);
      hide.focus();
    });
  }
  async function change(method, body, then) {
    try {
      await call(method, itemPath(card.item), body);
      await then();
    } catch (error) {
      failed(error, () => change(method, body, then));
    }
  }
  return node;
}

