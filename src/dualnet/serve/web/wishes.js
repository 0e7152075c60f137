/** What the list should be like: how much popularity counts, which kinds of items, and what is known of the person. */

import { DOWN, el, icon } from "./dom.js";
import { fieldsOf } from "./fields.js";
import { go, someone, state } from "./state.js";

const KINDS = [
  ["", "As their scores say"],
  ["known", "Only items from the training data"],
  ["new", "Only new items"],
  ["0.1", "A tenth of the list new"],
  ["0.3", "Three tenths of the list new"],
  ["0.5", "Half of the list new"],
];

/** Return `{node, update}` of the form; every change of it is a change of the state. */
export function wishesForm(model) {
  const dial = el("input", { type: "range", id: "popularity", min: 0, max: 1, step: 0.05, "aria-describedby": "popularity-says" });
  const says = el("output", { id: "popularity-says", for: "popularity" });
  const kinds = el("select", { id: "kinds" }, KINDS.map(([value, name]) => el("option", { value }, name)));
  dial.addEventListener("input", () => { says.textContent = percent(Number(dial.value)); });
  dial.addEventListener("change", () => go({ popularity: Number(dial.value) }));
  kinds.addEventListener("change", () => go({ kinds: kinds.value }));
  const summary = el("summary");
  const ofList = [
    el("div", { class: "field" }, el("label", { for: "popularity" }, "How much popularity counts"), el("div", { class: "row" }, dial, says)),
    el("div", { class: "field" }, el("label", { for: "kinds" }, "New items"), el("div", { class: "select" }, kinds, icon(DOWN, 16))),
  ];
  const node = el("details", { class: "wishes" }, summary, el("div", { class: "stack" }, ofList, columnsForm(model)));
  return {
    node,
    update(now) {
      const { popularity, kinds: chosen } = now;
      const listed = someone(now);
      summary.textContent = listed ? "Tune this list" : "Say what is known of them";
      for (const one of ofList) one.hidden = !listed;
      node.hidden = !listed && Object.keys(model.user_columns ?? {}).length === 0;
      dial.value = String(popularity);
      says.textContent = percent(popularity);
      kinds.value = chosen;
      if (popularity !== 1 || chosen !== "") node.open = true;
    },
  };
}

/** What the wishes are in a question to the server. */
export function wished({ popularity, kinds } = state()) {
  const question = popularity === 1 ? {} : { popularity };
  if (kinds === "known" || kinds === "new") return { ...question, only: kinds };
  return kinds === "" ? question : { ...question, new_share: Number(kinds) };
}

/** A form for the columns of a person, where the model reads any. */
export function columnsForm(model) {
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
