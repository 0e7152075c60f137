/** A search box of the operators' page with its results below: they follow what is typed. */

import { announce } from "./announce.js";
import { el, fill, newId } from "./dom.js";
import { region } from "./region.js";
import { some } from "./words.js";

const WAIT = 200; // milliseconds after the last key

/** Return a node; `find(text, signal)` returns a promise of `{entries, total}`, `draw(entry)` a list item. */
export function finder({ label, find, draw, none }) {
  const id = newId("find");
  const input = el("input", { id, type: "text", autocomplete: "off", spellcheck: "false", on: { input: search } });
  const results = el("div", { class: "stack" });
  const load = region(results);
  search();
  return el("div", { class: "stack" }, el("div", { class: "find" }, el("div", { class: "field" }, el("label", { for: id }, label), input)), results);

  function search() {
    load((signal) => find(input.value.trim(), signal), ({ entries, total }) => {
      const more = total - entries.length;
      fill(results, entries.length === 0 ? el("p", { class: "soft" }, none) : el("ul", { class: "found" }, entries.map(draw)), more > 0 && el("p", { class: "soft small" }, `${some(more, "more", "more")}; type on to narrow it down.`));
      if (document.activeElement === input) announce(entries.length === 0 ? none : `${some(total, "result")}`);
    }, WAIT);
  }
}
