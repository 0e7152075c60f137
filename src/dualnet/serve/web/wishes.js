/** What the list should be like: which items may be on it, how much each dial counts, what is known of the person. */

import { USUAL } from "./address.js";
import { call } from "./api.js";
import { CROSS, DOWN, el, fill, icon } from "./dom.js";
import { fieldsOf } from "./fields.js";
import { chosenInWords, filterForm, without } from "./filters.js";
import { problem } from "./region.js";
import { go, someone, state } from "./state.js";
import { named } from "./words.js";

/** What a rule of the dial for recency is called in an answer. */
export const LIFTED = "newer items";
const MOST_LIFT = 2; // standard deviations of the scores that the newest item gets at most
let dated = null; // the column of the items that says when they are from

const KINDS = [["", "All", null], ["known", "Taken before", "Items with a like in the training data"], ["new", "Nobody yet", "Items without a like in the training data"]];
const DIALS = {
  popularity: ["How much popularity counts", "Less is more personal"],
  recency: ["How much newer items are lifted", "How new an item is, not how long ago they took something: by the column"],
  diversity: ["How different the items are from each other", "More is more varied"],
};

/** Return `{node, update}` of the form; every change of it is a change of the state. */
export function wishesForm(model) {
  dated = model.recency_column ?? null;
  const filters = filterForm();
  const dials = (model.dials ?? ["popularity"]).filter((name) => DIALS[name]).map((name) => dial(name, model));
  const share = model.capabilities.new_items && shareOfNew();
  const kinds = kindsOfItems();
  const chosen = el("ul", { class: "chosen", "aria-label": "Chosen" });
  const summary = el("summary");
  const presets = presetChoice();
  const ofList = [presets.node, filters.node, share && share.node, ...dials.map((one) => one.node)].filter(Boolean);
  const more = el("details", { class: "wishes" }, summary, el("div", { class: "stack" }, ofList, columnsForm(model)));
  const node = el("div", { class: "tuning" }, el("div", { class: "tuning-line" }, kinds.node, chosen), more);
  function takeAway(one) {
    go({ filter: without(state().filter, one) });
    (chosen.querySelector("button") ?? summary).focus(); // the button is gone
  }
  return {
    node,
    update(now) {
      const listed = someone(now);
      summary.textContent = listed ? "Filter and tune" : "Say what is known of them";
      for (const one of ofList) one.hidden = !listed;
      node.firstChild.hidden = !listed;
      node.hidden = !listed && Object.keys(model.user_columns ?? {}).length === 0;
      kinds.show(now.kinds);
      if (share) share.show(now.kinds);
      for (const one of dials) one.show(now);
      filters.update(now);
      presets.show(now, listed);
      fill(chosen, chosenInWords(now.filter).map((one) => el(
        "li",
        {},
        el("button", { type: "button", class: "filter-chip", "aria-label": `Take away ${one.words}`, on: { click: () => takeAway(one) } }, one.words, icon(CROSS, 12)),
      )));
      if (dials.some((one) => now[one.name] !== USUAL[one.name])) more.open = true;
    },
  };
}

/** What the wishes are in a question to the server. */
export function wished({ kinds, filter, preset, ...now } = state()) {
  const question = {};
  if (now.popularity !== USUAL.popularity) question.popularity = now.popularity;
  const rules = {};
  if (now.diversity !== USUAL.diversity) rules.diversity = now.diversity;
  if (now.recency !== USUAL.recency && dated !== null) rules.boost = [{ column: dated, weight: MOST_LIFT * now.recency, name: LIFTED }];
  if (Object.keys(rules).length > 0) question.rules = rules;
  if (preset !== "") question.preset = preset;
  if (Object.keys(filter).length > 0) question.filter = filter;
  if (kinds === "known" || kinds === "new") return { ...question, only: kinds };
  return kinds === "" ? question : { ...question, new_share: Number(kinds) };
}

/** Rules that the server keeps under a name, such as those of a home page; not there where it keeps none. */
function presetChoice() {
  const select = el("select", { id: "preset", on: { change: () => go({ preset: select.value }) } });
  const node = el("div", { class: "field" }, el("label", { for: select.id }, "Rules of"), el("div", { class: "select" }, select, icon(DOWN, 16)));
  const trouble = el("div", {});
  node.append(trouble);
  let names = [];
  async function read() {
    fill(trouble);
    try {
      names = (await call("GET", "/v1/presets")).presets.map((one) => one.name);
    } catch (error) {
      fill(trouble, problem(error, read));
    }
    show(state(), someone());
  }
  function show({ preset }, listed) {
    const all = preset === "" || names.includes(preset) ? names : [...names, preset];
    fill(select, el("option", { value: "" }, "no rules"), all.map((name) => el("option", { value: name, selected: name === preset }, name)));
    node.hidden = !listed || (all.length === 0 && trouble.childNodes.length === 0);
  }
  read();
  return { node, show };
}

function kindsOfItems() {
  const inputs = KINDS.map(([value]) => el("input", { type: "radio", name: "kinds", id: `kinds-${value || "all"}`, value, on: { change: () => go({ kinds: value }) } }));
  const share = el("span", { class: "soft small" });
  const node = el(
    "fieldset",
    { class: "segments three" },
    el("legend", { class: "unseen" }, "Which items"),
    inputs.map((input, at) => el("div", { class: "segment" }, input, el("label", { for: input.id, title: KINDS[at][2] }, KINDS[at][1]))),
  );
  return {
    node: el("div", { class: "row" }, node, share),
    show(kinds) {
      for (const input of inputs) input.checked = input.value === kinds;
      share.textContent = ["", "known", "new"].includes(kinds) ? "" : `${percent(Number(kinds))} of the list are items that nobody took yet`;
    },
  };
}

/** How much of a list are items that nobody took yet, by itself or as chosen. */
function shareOfNew() {
  const input = el("input", { type: "range", id: "new-share", min: 0, max: 1, step: 0.1, "aria-describedby": "new-share-says" });
  const says = el("output", { id: "new-share-says", for: input.id });
  const tell = () => { says.textContent = input.value === "0" ? "as it comes" : percent(Number(input.value)); };
  input.addEventListener("input", tell);
  input.addEventListener("change", () => go({ kinds: input.value === "0" ? "" : input.value }));
  return {
    node: el("div", { class: "field" }, el("label", { for: input.id }, "How much of the list are items that nobody took yet"), el("div", { class: "row" }, input, says), el("p", { class: "soft small" }, "As far as the training data go")),
    show(kinds) {
      input.value = kinds === "known" || kinds === "" ? "0" : kinds === "new" ? "1" : kinds;
      tell();
    },
  };
}

function dial(name, model) {
  const [label, text] = DIALS[name];
  const hint = name === "recency" ? `${text} \u201c${named(model.recency_column)}\u201d` : text;
  const input = el("input", { type: "range", id: name, min: 0, max: 1, step: 0.05, "aria-describedby": `${name}-says` });
  const says = el("output", { id: `${name}-says`, for: name });
  input.addEventListener("input", () => { says.textContent = percent(Number(input.value)); });
  input.addEventListener("change", () => go({ [name]: Number(input.value) }));
  return {
    name,
    node: el("div", { class: "field" }, el("label", { for: name }, label), el("div", { class: "row" }, input, says), el("p", { class: "soft small" }, hint)),
    show(now) {
      input.value = String(now[name]);
      says.textContent = percent(now[name]);
    },
  };
}

/** A form for the columns of a person, where the model reads any. */
function columnsForm(model) {
  const columns = model.user_columns ?? {};
  if (Object.keys(columns).length === 0) return false;
  const fields = fieldsOf(columns);
  const form = el(
    "form",
    { class: "stack", "aria-label": "What is known of them" },
    el("p", { class: "soft small" }, "What is known of them counts beside what they took."),
    fields.nodes,
    el("div", { class: "row" }, el("button", { type: "submit", class: "quiet" }, "Use it"), el("button", { type: "reset", class: "link" }, "Forget it")),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go({ columns: await fields.read() });
  });
  form.addEventListener("reset", () => go({ columns: {} }));
  return form;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}
