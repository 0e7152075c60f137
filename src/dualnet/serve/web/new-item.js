/** Something nobody has seen: who would want it, before and after it is in the catalogue. */

import { addItem } from "./add-item.js";
import { added, noteAdded, noteDeleted } from "./added.js";
import { announce } from "./announce.js";
import { Problem, call, itemPath } from "./api.js";
import { el, fill } from "./dom.js";
import { fieldsOf, titleColumn } from "./fields.js";
import { catalogueChanged } from "./item-cards.js";
import { failed } from "./notices.js";
import { problem, region } from "./region.js";
import { NOTHING, go, removeFromHistory } from "./state.js";
import { useIds, whyThey } from "./why-they.js";

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
  useIds(model.ids);
  const labels = new Map();
  const fields = fieldsOf(model.columns, model.tag_separators);
  const id = el("input", { id: "new-id", autocomplete: "off", spellcheck: "false", required: true, inputmode: model.ids.items === "integer" ? "numeric" : null });
  const outcome = el("div", { class: "outcome", "aria-live": "polite" });
  const put = el("button", { type: "submit", class: "main" }, "Put it in the catalogue");
  const form = el(
    "form",
    { class: "stack", novalidate: true, "aria-label": "Something new" },
    fields.nodes,
    el("div", { class: "field" }, el("label", { for: id.id }, "Id"), id),
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
  if (Object.values(model.columns).some((kind) => kind === "tags" || kind === "categories")) readLabels();

  /** The labels that the catalogue has are offered: until they are there, and if they cannot be read, any can be typed. */
  async function readLabels() {
    try {
      const { columns } = await call("GET", "/v1/facets");
      for (const { name, values } of columns) if (values) labels.set(name, values.map((one) => one.value));
      fields.offer(labels);
    } catch (error) {
      failed(error, readLabels);
    }
  }

  function suggest() {
    id.value = model.ids.items === "integer" ? String(Date.now()) : `new-${Math.random().toString(36).slice(2, 8)}`;
  }

  function ask() {
    load(
      async (signal) => {
        const content = await fields.read();
        if (Object.keys(content).length === 0) return null;
        const found = await call("POST", "/v1/users-for-item", { content, k: LISTED }, signal);
        return { users: found.users, content };
      },
      (answer, signal) => fill(wanted, answer === null ? el("p", { class: "soft" }, "Start typing: the list follows.") : people(answer.users, answer.content, signal, { columns: model.columns, labels })),
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
      const { understood } = await call("PUT", itemPath(item), { content });
      const title = String(content[titleColumn(model.columns)] ?? item);
      noteAdded(item, title);
      catalogueChanged(item);
      fields.clear();
      suggest();
      ask();
      showAdded();
      fill(outcome, el("p", { class: "good" }, `\u201c${title}\u201d is in the catalogue. It can be found, recommended and used in a history now.${understood === false ? " But the model understands nothing of it: it will not be recommended to the right people." : ""}`));
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
        fill(outcome, problem(error, () => remove(item, title)));
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

/** Labels of some content that are neither in the catalogue nor terms of the model. */
function unknown(content, terms, { columns, labels }) {
  return Object.entries(content).filter(([name]) => columns[name] === "tags" || columns[name] === "categories").flatMap(([name, value]) => (
    [value].flat().filter((label) => !terms.has(`${name}\n${String(label).toLowerCase()}`) && !labels.get(name)?.includes(label))
  ));
}

/** Who would want it, each with a reason; where nothing in it is understood that is said, and nobody is listed. */
function people(users, content, signal, catalogue) {
  if (users.length === 0) return el("p", { class: "soft" }, "Nobody is known to the model.");
  const lines = users.map(({ user, title }) => {
    const why = el("p", { class: "soft small" });
    return { user, why, node: el("li", {}, el("button", { type: "button", class: "link", "aria-label": `Recommendations for ${user}`, on: { click: () => go({ view: "recommendations", ...NOTHING, user }) } }, title || String(user)), why) };
  });
  const list = el("ol", { class: "people" }, lines.map((line) => line.node));
  const warning = el("div", {});
  function tell() {
    fill(warning, el("p", { class: "soft small" }, "The reasons are being worked out\u2026"));
    whyThey(users.map((one) => one.user), content, signal).then(
      (reasons) => {
        if (signal.aborted) return;
        if (!reasons.understood) {
          fill(warning, el("p", { class: "problem" }, "The model understands nothing of what is written here, so it cannot say who would want it. Use words, tags or numbers like those of the catalogue."));
          list.remove();
          return;
        }
        const strange = unknown(content, reasons.terms, catalogue);
        fill(warning, strange.length > 0 && el("p", { class: "soft small" }, `Not known to the model, so not counted: ${strange.join(", ")}.`));
        for (const line of lines) fill(line.why, reasons.of.get(line.user) ?? "");
      },
      (error) => signal.aborted || fill(warning, problem(error, tell)),
    );
  }
  tell();
  return [warning, list];
}
