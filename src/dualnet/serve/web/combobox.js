/** A search box that offers what fits while one types: arrow keys, Enter, Escape, and the same for a screen reader. */

import { Problem } from "./api.js";
import { announce } from "./announce.js";
import { el, fill, newId } from "./dom.js";
import { some } from "./words.js";

const WAIT = 120; // milliseconds after the last key

/**
 * Make a labelled search box.
 *
 * `find(text, signal)` returns a promise of `{options, total}`; `draw(option)` returns the children of its line; `pick(option)` is
 * called with what was chosen; `otherwise` says what else can be done where nothing fits. Returns `{node, input}`.
 */
export function combobox({ label, placeholder, find, draw, pick, what, otherwise = "" }) {
  const list = el("ul", { class: "options", role: "listbox", id: newId("options"), "aria-label": label, hidden: true });
  const input = el("input", {
    type: "text", role: "combobox", id: newId("search"), placeholder, autocomplete: "off", spellcheck: "false",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
  });
  const node = el("div", { class: "combobox" }, el("label", { for: input.id }, label), input, list);
  let options = [];
  let active = -1;
  let controller = null;
  let timer = 0;
  let stale = false; // the options are those of an earlier text
  let eager = false; // Enter came before the options did

  function close() {
    window.clearTimeout(timer);
    controller?.abort();
    list.hidden = true;
    options = [];
    stale = eager = false;
    activate(-1);
    input.setAttribute("aria-expanded", "false");
  }

  function activate(at) {
    list.querySelectorAll("[aria-selected]")[active]?.setAttribute("aria-selected", "false");
    active = at;
    const line = list.querySelectorAll("[aria-selected]")[at];
    if (line && at < options.length) {
      line.setAttribute("aria-selected", "true");
      line.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", line.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  function choose(at) {
    const option = options[at];
    input.value = "";
    close();
    pick(option);
  }

  async function search() {
    controller?.abort();
    controller = new AbortController();
    const { signal } = controller;
    try {
      const found = await find(input.value.trim(), signal);
      if (signal.aborted || document.activeElement !== input) return;
      stale = false;
      offer(found);
      if (eager && options.length > 0) choose(0);
      eager = false;
    } catch (error) {
      if (signal.aborted) return;
      options = [];
      stale = eager = false;
      fill(list, el("li", { class: "option-note", role: "option", "aria-disabled": "true" }, error instanceof Problem ? error.message : "The search failed."));
      open();
    }
  }

  function offer(found) {
    options = found.options;
    const lines = options.map((option, at) =>
      el(
        "li",
        {
          id: newId("option"), role: "option", "aria-selected": "false",
          // the pointer must not take the focus away from the box
          on: { mousedown: (event) => event.preventDefault(), click: () => choose(at), mousemove: () => at !== active && activate(at) },
        },
        draw(option),
      ),
    );
    const more = found.total - options.length;
    if (options.length === 0) lines.push(note(`Nothing fits \u201c${input.value.trim()}\u201d${otherwise && `. ${otherwise}`}`));
    else if (found.mended) lines.unshift(note(`Nothing is spelt \u201c${input.value.trim()}\u201d; nearest to it`));
    else if (more > 0) lines.push(note(`${some(more, "more", "more")}; type on to narrow it down`));
    fill(list, lines);
    open();
    announce(options.length === 0 ? `Nothing fits. ${otherwise}` : `${some(found.total, what)} found${found.mended ? ", by a near spelling" : ""}`);
  }

  function open() {
    activate(-1);
    list.hidden = false;
    list.scrollTop = 0;
    input.setAttribute("aria-expanded", "true");
  }

  input.addEventListener("input", () => {
    window.clearTimeout(timer);
    controller?.abort(); // Enter must not take from the answer to an earlier text
    timer = window.setTimeout(search, WAIT);
    stale = true;
    eager = false;
  });
  input.addEventListener("focus", search);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) search();
      else if (options.length > 0) activate(stepped(active, event.key === "ArrowDown" ? 1 : -1, options.length));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (stale) eager = true;
      else if (!list.hidden && options.length > 0) choose(Math.max(active, 0));
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  return { node, input };
}

function stepped(from, step, length) {
  if (from < 0) return step > 0 ? 0 : length - 1;
  return (from + step + length) % length;
}

function note(text) {
  return el("li", { class: "option-note", role: "option", "aria-disabled": "true" }, text);
}
