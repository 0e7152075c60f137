/** People: looked up by id, their history shown and corrected, events told, forgotten for good. */

import { Problem, call, userPath, wholeNumber } from "./api.js";
import { combobox } from "./combobox.js";
import { ask } from "./confirm.js";
import { el, fill, newId } from "./dom.js";
import { findItems } from "./item-cards.js";
import { done, failed } from "./notices.js";
import { finder } from "./operate-finder.js";
import { historyOf } from "./users.js";
import { shortened, some } from "./words.js";

const SHOWN = 10;
const AT_FIRST = 5; // before anything is typed

/** Fill the section. */
export function startPeople(host) {
  fill(
    host,
    el("h2", {}, "People"),
    finder({ label: "Look up by id", find, draw: line, none: "Nobody fits." }),
    el("h3", {}, "Tell what somebody did"),
    el("p", { class: "soft small" }, "A person who is not known yet becomes known by it."),
    eventForm(),
  );
}

async function find(text, signal) {
  const found = await call("GET", `/v1/users?limit=${text === "" ? AT_FIRST : SHOWN}&query=${encodeURIComponent(text)}`, undefined, signal);
  return { entries: found.users, total: found.total };
}

function line({ user, events }) {
  const node = el("li", {});
  const panel = el("div", { hidden: true, id: newId("history") });
  const open = el("button", { type: "button", class: "link", "aria-expanded": "false", "aria-controls": panel.id, on: { click: toggle } }, "History", el("span", { class: "unseen" }, ` of ${user}`));
  const forget = el("button", { type: "button", class: "link danger", on: { click: forgotten } }, "Forget", el("span", { class: "unseen" }, ` ${user}`));
  fill(
    node,
    el(
      "div",
      { class: "found-line" },
      el("div", {}, el("strong", {}, String(user)), el("span", { class: "soft small" }, some(events, "item"))),
      el("div", { class: "row" }, el("a", { class: "link", href: `/#/recommendations?user=${encodeURIComponent(user)}` }, "List", el("span", { class: "unseen" }, ` for ${user}`)), open, forget),
    ),
    panel,
  );

  async function toggle() {
    panel.hidden = !panel.hidden;
    open.setAttribute("aria-expanded", String(!panel.hidden));
    if (panel.hidden) return;
    try {
      const cards = await historyOf(user);
      fill(panel, cards.length === 0 ? el("p", { class: "soft" }, "Nothing is stored.") : el("ul", { class: "taken-back", tabindex: "0", "aria-label": `History of ${user}` }, cards.map((card) => taken(user, card))));
    } catch (error) {
      panel.hidden = true;
      open.setAttribute("aria-expanded", "false");
      failed(error, toggle);
    }
  }
  async function forgotten() {
    if (!(await ask(`Forget ${user}?`, "Nobody can take this back: the person is unknown at once, and no file of the state folder holds the id.", "Forget for good"))) return;
    await erase();
  }
  async function erase() {
    try {
      await call("DELETE", userPath(user));
      node.remove();
      done("The person is forgotten.");
    } catch (error) {
      failed(error, erase);
    }
  }
  return node;
}

function taken(user, card) {
  const node = el("li", {}, el("span", {}, shortened(card.title, 80)), el("button", { type: "button", class: "link", on: { click: takeBack } }, "Take back", el("span", { class: "unseen" }, `: ${card.title}`)));
  async function takeBack() {
    try {
      await call("DELETE", "/v1/events", { events: [{ user, item: card.item }] });
      node.remove();
      done(`\u201c${shortened(card.title, 60)}\u201d no longer counts for ${user}.`);
    } catch (error) {
      failed(error, takeBack);
    }
  }
  return node;
}

/** A form for one event: who, what, and which kind. */
function eventForm() {
  const model = () => call("GET", "/v1/model");
  let item = null;
  const user = el("input", { id: newId("user"), type: "text", autocomplete: "off", spellcheck: "false", required: true });
  const chosen = el("p", { class: "soft small" }, "No item is chosen yet.");
  const search = combobox({
    label: "Item", placeholder: "Search titles", what: "item", find: findItems,
    draw: (card) => [el("span", { class: "option-title" }, shortened(card.title, 80)), el("span", { class: "option-side" }, String(card.item))],
    pick: (card) => { item = card; chosen.textContent = `Chosen: ${card.title}`; },
  });
  const kind = el("select", { id: newId("kind") }, ["like", "seen", "dislike"].map((name) => el("option", { value: name }, name)));
  readTypes();
  const form = el(
    "form",
    { class: "stack", novalidate: true, "aria-label": "Tell what somebody did" },
    el("div", { class: "find" }, el("div", { class: "field" }, el("label", { for: user.id }, "Person"), user), el("div", { class: "field" }, search.node), el("div", { class: "field" }, el("label", { for: kind.id }, "What they did"), kind)),
    chosen,
    el("div", { class: "row" }, el("button", { type: "submit", class: "main" }, "Tell the model")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell();
  });
  /** The types of events that the model knows; until they are there, those that every model knows. */
  async function readTypes() {
    try {
      const { event_types: types } = await model();
      if (types) fill(kind, Object.keys(types).map((name) => el("option", { value: name }, name)));
    } catch (error) {
      failed(error, readTypes);
    }
  }
  async function tell() {
    const id = user.value.trim();
    if (id === "" || item === null) {
      chosen.textContent = "Name a person and choose an item first.";
      (id === "" ? user : search.input).focus();
      return;
    }
    try {
      const { ids } = await model();
      const whole = ids.users === "integer";
      if (whole && !/^(0|-?[1-9]\d*)$/.test(id)) throw new Problem("The person\u2019s id has to be a whole number");
      await call("POST", "/v1/events", { events: [{ user: whole ? wholeNumber(id) : id, item: item.item, type: kind.value }] });
      done(`Noted: ${id}, ${kind.value}, \u201c${shortened(item.title, 60)}\u201d.`);
    } catch (error) {
      failed(error, tell);
    }
  }
  return form;
}
