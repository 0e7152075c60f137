/** What is shown before anybody is asked for: what this is, and somewhere to begin. */

import { el } from "./dom.js";
import { findItems } from "./items.js";
import { addToHistory, go } from "./state.js";
import { findUsers } from "./users.js";
import { some } from "./words.js";

/** A promise of what the welcome offers. */
export async function beginnings(signal) {
  const [users, items] = await Promise.all([findUsers("", signal, 4), findItems("", signal, 5)]);
  return { users: users.options, items: items.options };
}

/** Return the nodes of the welcome. */
export function welcome({ users, items }) {
  return el(
    "div",
    { class: "welcome" },
    el("h1", {}, "Recommend anything to anyone, the first time you see either."),
    el("p", { class: "lead" }, "Choose somebody the model knows, or say what somebody new liked. The list follows at once."),
    users.length > 0 && el(
      "section",
      {},
      el("h2", {}, "Somebody we know"),
      el("ul", { class: "starts" }, users.map(({ user, events }) => el("li", {}, start(() => go({ user, history: [] }), String(user), some(events, "item"))))),
    ),
    items.length > 0 && el(
      "section",
      {},
      el("h2", {}, "Somebody who liked"),
      el("ul", { class: "starts long" }, items.map((card) => el("li", {}, start(() => addToHistory(card.item, []), card.title, String(card.item))))),
    ),
  );
}

function start(begin, name, side) {
  return el("button", { type: "button", class: "start", on: { click: begin } }, el("span", { class: "start-name" }, name), el("span", { class: "soft" }, side));
}
