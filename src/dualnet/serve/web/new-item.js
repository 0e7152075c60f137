/** Something nobody has seen: who would want it, before and after it is in the catalogue. */

import { addItem } from "./add-item.js";
import { added, noteAdded, noteDeleted } from "./added.js";
import { announce } from "./announce.js";
import { Problem, call, itemPath } from "./api.js";
import { el, fill } from "./dom.js";
import { fieldsOf, titleColumn } from "./fields.js";
import { catalogueChanged } from "./item-cards.js";
import { bar, scaleOf } from "./levels.js";
import { region } from "./region.js";
import { go, removeFromHistory } from "./state.js";
import { score } from "./words.js";

const LISTED = 8;
const WAIT = 300; // milliseconds after the last key

/** Return `update(state)` of this view. */
export function newItemView(host, model) {
  const heading = el(
    "div",
    { class: "list-head" },
    el("div", {}, el("h1", {}, "Something new"), el("p", { class: "lead" }, "Describe a thing that nobody has seen. The model says who would want it, without training again.")),
  );
  if (!model.capabilities.new_items || Object.keys(model.columns).length === 0) {
    fill(host, heading, el("p", { class: "problem" }, `${model.name} reads no content, so it cannot place new items. Serve a model that does.`));
    return () => undefined;
  }
  const fields = fieldsOf(model.columns);
  const id = el("input", { id: "new-id", autocomplete: "off", spellcheck: "false", required: true, inputmode: model.ids.items === "integer" ? "numeric" : null });
  const outcome = el("div", { class: "outcome", "aria-live": "polite" });
  const put = el("button", { type: "submit", class: "main" }, "Put it in the catalogue");
  const form = el(
    "form",
    { class: "stack", novalidate: true, "aria-label": "Something new" },
    fields.nodes,
    el("div", { class: "field" }, el("label", { for: id.id }, "Id"), id),
    fields.left.length > 0 && el("p", { class: "soft small" }, `Left empty, since nobody types them: ${fields.left.join(", ")}.`),
    el("div", { class: "row" }, put),
    outcome,
  );
  const wanted = el("div", { class: "wanted" });
  const list = el("section", { class: "stack", "aria-label": "Added from this tab" });
  fill(host, heading, el("div", { class: "two" }, form, el("section", { class: "panel", "aria-label": "Who would want it" }, el("h2", {}, "Who would want it"), wanted)), list);
  const load = region(wanted);

  form.addEventListener("input", (event) => {
    if (event.target !== id) ask();
    fill(outcome);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    add();
  });
  suggest();
  ask();
  showAdded();

  function suggest() {
    id.value = model.ids.items === "integer" ? String(Date.now()) : `new-${Math.random().toString(36).slice(2, 8)}`;
  }

  function ask() {
    load(
      async (signal) => {
        const content = await fields.read();
        if (Object.keys(content).length === 0) return null;
        return call("POST", "/v1/users-for-item", { content, k: LISTED }, signal);
      },
      (answer) => fill(wanted, answer === null ? el("p", { class: "soft" }, "Start typing: the list follows.") : people(answer.users)),
      WAIT,
    );
  }

  async function add() {
    const item = id.value.trim(); // whole numbers too: as numbers they would lose digits beyond 2^53
    put.disabled = true;
    try {
      const content = await fields.read();
      if (Object.keys(content).length === 0) throw new Problem("Describe it first: give at least one of the fields above");
      if (item === "" || (model.ids.items === "integer" && !/^(0|-?[1-9]\d*)$/.test(item))) throw new Problem(model.ids.items === "integer" ? "The id has to be a whole number" : "Give it an id");
      await call("PUT", itemPath(item), { content });
      const title = String(content[titleColumn(model.columns)] ?? item);
      noteAdded(item, title);
      catalogueChanged(item);
      fields.clear();
      suggest();
      ask();
      showAdded();
      fill(outcome, el("p", { class: "good" }, `\u201c${title}\u201d is in the catalogue. It can be found, recommended and used in a history now.`));
    } catch (error) {
      fill(outcome, el("p", { class: "problem-line" }, error instanceof Problem ? error.message : "It could not be added."));
      if (!(error instanceof Problem)) throw error;
    } finally {
      put.disabled = false;
    }
  }

  function showAdded() {
    const items = added();
    fill(
      list,
      items.length > 0 && el("h2", {}, "Added from this tab"),
      items.length > 0 && el("ul", { class: "added" }, items.map(({ item, title }) => el(
        "li",
        {},
        el("div", {}, el("strong", {}, title), el("span", { class: "soft small" }, String(item))),
        el(
          "div",
          { class: "row" },
          button("Use in a history", title, "quiet", async () => { await addItem(item, title); go({ view: "recommendations" }); }),
          button("Delete", title, "quiet", () => remove(item, title)),
        ),
      ))),
    );
  }

  async function remove(item, title) {
    try {
      await call("DELETE", itemPath(item));
    } catch (error) {
      if (error.status !== 404) { // gone already is as good
        fill(outcome, el("p", { class: "problem-line" }, error.message));
        return;
      }
    }
    noteDeleted(item);
    removeFromHistory(item);
    catalogueChanged(item);
    showAdded();
    fill(outcome);
    announce(`${title} is deleted`);
    (list.querySelector("button") ?? put).focus();
  }

  return () => undefined;
}

function button(name, title, kind, click) {
  return el("button", { type: "button", class: kind, on: { click } }, name, el("span", { class: "unseen" }, `: ${title}`));
}

function people(users) {
  if (users.length === 0) return el("p", { class: "soft" }, "Nobody is known to the model.");
  const scale = scaleOf(users.map((one) => [one.score]));
  return el(
    "ol",
    { class: "people" },
    users.map((one) => el(
      "li",
      {},
      el("button", { type: "button", class: "link", "aria-label": `Recommendations for ${one.user}`, on: { click: () => go({ view: "recommendations", user: one.user, history: [] }) } }, one.title || String(one.user)),
      bar([{ name: "", score: one.score }], scale),
      el("span", { class: "score" }, score(one.score)),
    )),
  );
}
