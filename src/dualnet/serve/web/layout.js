/** A list as lines or as posters: offered where items have pictures, kept in this browser. */

import { el } from "./dom.js";

const NAME = "dualnet-layout";
const CHOICES = [["lines", "Lines"], ["posters", "Posters"]];
let memory = null;

/** Return `{node, offer}`: the choice, hidden until `offer(share, list)` says how many of a list's items have pictures. */
export function layoutChoice() {
  const inputs = CHOICES.map(([value]) => el("input", { type: "radio", name: "layout", id: `layout-${value}`, value }));
  const node = el(
    "fieldset",
    { class: "segments two-ways", hidden: true },
    el("legend", { class: "unseen" }, "Layout"),
    inputs.map((input, at) => el("div", { class: "segment" }, input, el("label", { for: input.id }, CHOICES[at][1]))),
  );
  return {
    node,
    offer(share, list) {
      node.hidden = share === 0;
      const lay = (value) => list.classList.toggle("posters", share > 0 && value === "posters");
      const chosen = stored() ?? (share >= 0.5 ? "posters" : "lines");
      for (const input of inputs) {
        input.checked = input.value === chosen;
        input.onchange = () => { keep(input.value); lay(input.value); };
      }
      lay(chosen);
    },
  };
}

function stored() {
  try {
    return localStorage.getItem(NAME) ?? memory;
  } catch {
    return memory;
  }
}

function keep(value) {
  memory = value;
  try {
    localStorage.setItem(NAME, value);
  } catch {
    // storage is switched off: the choice holds until the page is left
  }
}
