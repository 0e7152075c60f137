/** What is shown before anybody is asked for: what this is, and somewhere to begin. */

import { el } from "./dom.js";
import { findItems } from "./item-cards.js";
import { addToHistory, go } from "./state.js";
import { historyOf, typicalUsers } from "./users.js";
import { shortened, some } from "./words.js";

/** A promise of what the welcome offers. */
export async function beginnings(signal) {
  const [users, items] = await Promise.all([typicalUsers(signal, 4), findItems("", signal, 5)]);
  const histories = await Promise.all(users.map(({ user }) => historyOf(user, signal)));
  return { users: users.map(({ user }, at) => ({ user, took: histories[at] })), items: items.options };
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
      el("ul", { class: "starts long" }, users.map(({ user, took }) => el("li", {}, start(() => go({ user, history: [] }), String(user), summary(took))))),
    ),
    items.length > 0 && el(
      "section",
      {},
      el("h2", {}, "Somebody who liked"),
      el("ul", { class: "starts long" }, items.map((card) => el("li", {}, start(() => addToHistory(card.item, []), card.title, String(card.item))))),
    ),
  );
}

function summary(took) {
  return took.length > 0 ? `${some(took.length, "item")}, such as ${shortened(took[0].title, 48)}` : "nothing yet";
}

function start(begin, name, side) {
  return el("button", { type: "button", class: "start", on: { click: begin } }, el("span", { class: "start-name" }, name), el("span", { class: "soft" }, side));
}
