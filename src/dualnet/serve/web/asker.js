/** The panel that says for whom the lists are: somebody the model knows, or a history made here. */

import { announce } from "./announce.js";
import { combobox } from "./combobox.js";
import { CROSS, DOWN, PLUS, el, fill, icon } from "./dom.js";
import { cardOf, findItems, hasTitle, onCatalogue, titleOf } from "./item-cards.js";
import { kindAndYear } from "./kind-and-year.js";
import { poster, postered } from "./poster.js";
import { region } from "./region.js";
import { addToHistory, go, onChange, removeFromHistory, state } from "./state.js";
import { findUsers, historyOf, oldestFirst } from "./users.js";
import { shortened, some } from "./words.js";

const shown = () => (window.matchMedia("(max-width: 60rem)").matches ? 2 : 5); // items of a known history before "show all"

/** Fill the panel and keep it so. */
export function startAsker(host, model) {
  const known = el("div", { class: "stack", id: "asker-known" });
  const made = el("div", { class: "stack", id: "asker-new" });
  const kinds = ["known", "new"].map((kind) => kindChoice(kind, () => choose(kind)));
  const body = el(
    "div",
    { class: "stack asker-body", id: "asker-body" },
    el("fieldset", { class: "segments" }, el("legend", { class: "unseen" }, "Who is it for?"), kinds.map((kind) => kind.node)),
    known,
    made,
  );
  const fold = folding(host, body);
  fill(host, el("h2", { class: "panel-title" }, "Who is it for?"), fold.node, body);
  fillKnown(known);
  fillMade(made, model.columns);

  function choose(kind) {
    for (const choice of kinds) choice.input.checked = choice.kind === kind;
    known.hidden = kind !== "known";
    made.hidden = kind !== "new";
  }
  choose(state().history.length > 0 ? "new" : "known");
  onChange((now) => {
    fold.show(now);
    if (now.user !== null) choose("known");
    else if (now.history.length > 0) choose("new");
  });
}

/** On a narrow screen the list comes first: the panel is one line that can be opened. */
function folding(host, body) {
  const says = el("span", {});
  const button = el("button", { type: "button", class: "fold", "aria-expanded": "false", "aria-controls": body.id, on: { click: () => open(!host.classList.contains("open")) } }, says, icon(DOWN, 16));
  function open(is) {
    host.classList.toggle("open", is);
    button.setAttribute("aria-expanded", String(is));
    if (is) body.querySelector(".stack:not([hidden]) input")?.focus();
  }
  let before = "";
  function show(now) {
    const { user, history } = now;
    says.textContent = user !== null ? "Choose somebody else" : history.length > 0 ? `Change the history (${some(history.length, "item")})` : "Choose somebody, or search";
    const asked = `${user} ${history.length > 0}`;
    if (before !== "" && asked !== before) open(false); // somebody was chosen: now to the list
    before = asked;
  }
  show(state());
  return { node: button, show };
}

function kindChoice(kind, chosen) {
  const input = el("input", { type: "radio", name: "asker-kind", id: `kind-${kind}`, on: { change: chosen } });
  const label = el("label", { for: input.id }, kind === "known" ? "Someone we know" : "Someone new");
  return { kind, input, node: el("div", { class: "segment" }, input, label) };
}

function fillKnown(host) {
  const search = combobox({
    label: "Find them by id", placeholder: "Type a part of the id", what: "person", find: findUsers,
    draw: ({ user, events }) => [el("span", { class: "option-title" }, String(user)), el("span", { class: "option-side" }, some(events, "item"))],
    pick: ({ user }) => go({ user, history: [] }),
    otherwise: "Only people of the training data have an id here. For anybody else choose \u201cSomeone new\u201d and add what they took.",
  });
  const chosen = el("section", { class: "stack", "aria-label": "The person chosen", id: "chosen-user" });
  const load = region(chosen);
  fill(host, search.node, chosen);
  let shown = null;

  function show({ user }) {
    if (user === shown) return;
    shown = user;
    if (user === null) load(async () => null, () => fill(chosen));
    else load((signal) => history(user, signal), (cards) => fill(chosen, cards === null ? false : person(user, cards)));
  }
  show(state());
  onChange(show);
}

/** A promise of what somebody took; null where nobody is known so, which is told beside the list. */
async function history(user, signal) {
  try {
    return await historyOf(user, signal);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function person(user, cards) {
  const lines = cards.map((card) => el("li", {}, shortened(card.title, 80)));
  const first = shown();
  for (const line of lines.slice(first)) line.hidden = true;
  const all = cards.length > first && el(
    "button",
    { type: "button", class: "link", on: { click: () => { for (const line of lines) line.hidden = false; all.remove(); lines[first].tabIndex = -1; lines[first].focus(); } } },
    `Show all ${some(cards.length, "item")}`,
  );
  return [
    el(
      "div",
      { class: "person" },
      el("div", {}, el("strong", {}, String(user)), el("span", { class: "soft" }, some(cards.length, "item"))),
      el("button", { type: "button", class: "icon-button small", "aria-label": `Leave ${user}`, on: { click: () => go({ user: null, history: [] }) } }, icon(CROSS)),
    ),
    cards.length === 0 ? el("p", { class: "soft" }, "Nothing is stored of them yet.") : el("ul", { class: "taken" }, lines),
    all,
    cards.length > 0 && el(
      "button",
      { type: "button", class: "quiet", on: { click: () => { go({ user: null, history: oldestFirst(cards) }); announce("A new history, started from theirs"); } } },
      "Change this history",
    ),
  ];
}

function fillMade(host, columns) {
  const search = combobox({
    label: "What did they like?", placeholder: "Search titles", what: "item", find: findItems,
    draw: (card) => [
      postered(card) && poster(card, true),
      el("span", { class: "option-title" }, shortened(card.title, 80)),
      el("span", { class: "option-side" }, state().history.includes(card.item) ? "added" : kindAndYear(card, columns) || String(card.item)),
    ],
    pick: (card) => {
      addToHistory(card.item, state().user === null ? state().history : []);
      announce(`Added ${card.title}`);
    },
  });
  const chips = el("ul", { class: "chips", "aria-label": "History" });
  const foot = el("div", { class: "row" });
  fill(host, search.node, chips, foot);

  function show({ history }) {
    fill(chips, [...history].reverse().map((id, at) => chip(id, () => remove(id, at)))); // the newest first, where it is seen
    fill(
      foot,
      history.length === 0
        ? el("p", { class: "soft hint" }, icon(PLUS), el("span", {}, "Add one or more. Each changes the list at once."))
        : [el("span", { class: "soft small" }, some(history.length, "item")), el("button", { type: "button", class: "link", on: { click: clear } }, "Clear")],
    );
    const unnamed = history.filter((one) => !hasTitle(one));
    if (unnamed.length === 0) return;
    // an item that is not there is told beside the recommendations
    Promise.allSettled(unnamed.map(cardOf)).then((found) => {
      if (state().history === history && found.some((one) => one.status === "fulfilled")) show(state());
    });
  }
  function remove(id, at) {
    removeFromHistory(id);
    announce(`Removed ${titleOf(id)}`);
    const buttons = chips.querySelectorAll("button");
    (buttons[Math.min(at, buttons.length - 1)] ?? search.input).focus();
  }
  function clear() {
    go({ history: [] });
    search.input.focus();
  }
  show(state());
  onChange(show);
  onCatalogue(() => show(state()));
}

function chip(id, remove) {
  const title = titleOf(id);
  return el(
    "li",
    { class: "chip" },
    el("span", { class: "chip-text", title }, title),
    el("button", { type: "button", class: "icon-button small", "aria-label": `Remove ${title}`, on: { click: remove } }, icon(CROSS, 14)),
  );
}
