/** Colours of the map by a chosen column: the choice, and what each colour means. */

import { call } from "./api.js";
import { DOWN, el, fill, icon } from "./dom.js";
import { failed } from "./notices.js";
import { named } from "./words.js";

/** Return `{node, legend}`; `paint` is called with `{names, of}` of the column that is chosen, or null. */
export function mapColours(paint) {
  const select = el("select", { id: "map-colour" }, el("option", { value: "" }, "one colour"));
  const node = el("div", { class: "map-choice", hidden: true }, el("label", { for: select.id }, "Colour by"), el("div", { class: "select" }, select, icon(DOWN, 16)));
  const legend = el("ul", { class: "legend", "aria-label": "Colours" });
  select.addEventListener("change", colour);
  read();

  async function read() {
    try {
      const { columns } = await call("GET", "/v1/facets");
      const paintable = columns.filter((column) => typeof column.min !== "string");
      select.append(...paintable.map((column) => el("option", { value: column.name }, named(column.name))));
      node.hidden = paintable.length === 0;
    } catch (error) {
      failed(error, read);
    }
  }

  async function colour() {
    const wanted = select.value;
    if (wanted === "") {
      fill(legend);
      paint(null);
      return;
    }
    try {
      const { colours } = await call("GET", `/v1/map?colour=${encodeURIComponent(wanted)}`);
      if (select.value !== wanted) return; // another one was chosen meanwhile
      fill(legend, colours.names.map((name, at) => el("li", {}, el("span", { class: `dot level-${at}` }), name)));
      paint(colours);
    } catch (error) {
      failed(error, colour);
    }
  }
  return { node, legend };
}
