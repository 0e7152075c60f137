/** Choosing what may be listed by the columns of the items: labels as chips, numbers and dates as ranges. */

import { call } from "./api.js";
import { el, fill, newId } from "./dom.js";
import { problem } from "./region.js";
import { go, state } from "./state.js";
import { count, named } from "./words.js";

const FIRST = 10; // labels of a column before "More"

/** Return `{node, update}`; what is chosen is part of the page's state. */
export function filterForm() {
  const node = el("div", { class: "stack filters" });
  let columns = null;
  const open = new Set(); // columns of which all labels are shown

  async function read() {
    try {
      columns = (await call("GET", "/v1/facets")).columns;
      draw(state());
    } catch (error) {
      fill(node, problem(error, read));
    }
  }

  function draw({ filter }) {
    if (columns === null) return;
    fill(node, columns.map((column) => (column.values ? chips(column, filter[column.name]?.any ?? []) : range(column, filter[column.name] ?? {}))));
  }

  function chips({ name, values }, chosen) {
    const known = new Set(values.map((one) => one.value));
    const all = [...chosen.filter((value) => !known.has(value)).map((value) => ({ value })), ...values];
    const shown = open.has(name) ? all : all.filter((one, at) => at < FIRST || chosen.includes(one.value));
    const more = all.length > shown.length && el("button", { type: "button", class: "link", on: { click: () => { open.add(name); draw(state()); node.querySelector(`[data-column="${CSS.escape(name)}"] button`)?.focus(); } } }, `${all.length - shown.length} more`);
    return el(
      "div",
      { class: "filter", role: "group", "aria-label": named(name), "data-column": name },
      el("span", { class: "filter-name" }, named(name)),
      el("div", { class: "chip-row" }, shown.map(({ value, items }) => el(
        "button",
        {
          type: "button", class: "filter-chip", "aria-pressed": String(chosen.includes(value)), title: items === undefined ? null : `${count(items)} items`,
          on: { click: () => toggle(name, value) },
        },
        value,
      )), more),
    );
  }

  function toggle(name, value) {
    const chosen = state().filter[name]?.any ?? [];
    set(name, chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value]);
    const again = [...node.querySelectorAll(`[data-column="${CSS.escape(name)}"] .filter-chip`)].find((button) => button.textContent === value);
    again?.focus();
  }

  function set(name, chosen) {
    const { [name]: _, ...others } = state().filter;
    go({ filter: chosen.length > 0 ? { ...others, [name]: { any: chosen } } : others });
  }

  function range({ name, min, max }, chosen) {
    const dates = typeof min === "string";
    const ends = [["min", "from", min], ["max", "to", max]].map(([end, word, bound]) => {
      const id = newId("range");
      const input = el("input", { id, type: dates ? "date" : "number", step: dates ? null : "any", placeholder: dates ? null : String(bound), value: chosen[end] ?? null, on: { change } });
      return { end, input, nodes: [el("label", { for: id, class: "soft small", "aria-label": `${named(name)} ${word}` }, word), input] };
    });
    function change() {
      const { [name]: _, ...others } = state().filter;
      const given = Object.fromEntries(ends.filter(({ input }) => input.value !== "").map(({ end, input }) => [end, dates ? input.value : Number(input.value)]));
      go({ filter: Object.keys(given).length > 0 ? { ...others, [name]: given } : others });
    }
    return el(
      "div",
      { class: "filter", role: "group", "aria-label": named(name), "data-column": name },
      el("span", { class: "filter-name" }, named(name)),
      el("div", { class: "range" }, ends.map((one) => one.nodes)),
    );
  }

  read();
  return { node, update: (now) => { if (!node.contains(document.activeElement) || document.activeElement.tagName !== "INPUT") draw(now); } };
}

/** What is chosen, in words: ["Comedy", "Year from 1990"]. */
export function chosenInWords(filter) {
  return Object.entries(filter).flatMap(([name, { any, min, max }]) => {
    if (any) return any.map((value) => ({ name, value, words: value }));
    const ends = [min !== undefined && `from ${min}`, max !== undefined && `to ${max}`].filter(Boolean);
    return [{ name, words: `${named(name)} ${ends.join(" ")}` }];
  });
}

/** The state's filter without one choice of `chosenInWords`. */
export function without(filter, { name, value }) {
  const { [name]: old, ...others } = filter;
  const left = value === undefined ? [] : old.any.filter((one) => one !== value);
  return left.length > 0 ? { ...others, [name]: { any: left } } : others;
}
