/** What is shown before anybody is asked for: what this is, and somewhere to begin. */

import { call } from "./api.js";
import { el } from "./dom.js";
import { keepCards } from "./item-cards.js";
import { kindOf } from "./kind-and-year.js";
import { poster, postered } from "./poster.js";
import { go } from "./state.js";
import { historyOf, typicalUsers } from "./users.js";
import { shortened, some } from "./words.js";

const PEOPLE = 4;
const NAMED = 3; // items that name a taste

/** A promise of what the welcome offers. */
export async function beginnings(signal) {
  const [tastes, people] = await Promise.all([call("GET", "/v1/tastes", undefined, signal), typicalPeople(signal)]);
  for (const { items } of tastes.tastes) keepCards(items);
  return { tastes: tastes.tastes, people };
}

/** People with histories of a usual length; none where the key may not see who the users are. */
async function typicalPeople(signal) {
  try {
    const users = await typicalUsers(signal, PEOPLE);
    const histories = await Promise.all(users.map(({ user }) => historyOf(user, signal)));
    return users.map(({ user }, at) => ({ user, took: histories[at] }));
  } catch (error) {
    if (error.status === 403) return [];
    throw error;
  }
}

/** Return the nodes of the welcome. */
export function welcome({ tastes, people }, model) {
  return el(
    "div",
    { class: "welcome" },
    el("h1", {}, "Recommend anything to anyone, the first time you see either."),
    el("p", { class: "lead" }, "Begin with a taste or with somebody the model knows, or search for what somebody new liked."),
    tastes.length > 0 && el(
      "section",
      {},
      el("h2", {}, "Somebody who liked"),
      el("ul", { class: "tastes" }, tastes.map(({ items }) => el("li", {}, taste(items, model)))),
    ),
    people.length > 0 && el(
      "section",
      {},
      el("h2", {}, "Somebody we know"),
      el("ul", { class: "starts long" }, people.map(({ user, took }) => el("li", {}, start(() => go({ user, history: [] }), who(took), `${user} \u00b7 ${some(took.length, "item")}`)))),
    ),
  );
}

function taste(items, model) {
  const pictures = items.filter(postered).map((card) => poster(card, true));
  return el(
    "button",
    { type: "button", class: "taste", on: { click: () => go({ user: null, history: items.map((card) => card.item) }) } },
    pictures.length > 0 && el("span", { class: "taste-pictures", "aria-hidden": "true" }, pictures),
    el("span", { class: "taste-titles" }, items.map((card) => el("span", {}, shortened(card.title, 60), el("span", { class: "unseen" }, ", ")))),
    el("span", { class: "soft small" }, kindOf(items[0], model.columns)),
  );
}

/** Somebody named by the best known of what they took. */
function who(took) {
  if (took.length === 0) return "Somebody who took nothing yet";
  const best = [...took].sort((a, b) => b.taken - a.taken).slice(0, NAMED).map((card) => shortened(card.title, 40));
  return best.join(", ");
}

function start(begin, name, side) {
  return el("button", { type: "button", class: "start", on: { click: begin } }, el("span", { class: "start-name" }, name), el("span", { class: "soft" }, side));
}
