/** The key of a server that wants one: asked for when the server says so, kept in this tab only. */

import { el } from "./dom.js";

const NAME = "dualnet-key";
let memory = null;
let asking = null;

/** The key, or null. */
export function storedKey() {
  try {
    return sessionStorage.getItem(NAME) ?? memory;
  } catch {
    return memory;
  }
}

/** Ask the person for a key; all who ask at the same time share one answer. Resolves to whether one was given. */
export function askForKey(refused) {
  asking ??= show(refused).finally(() => {
    asking = null;
  });
  return asking;
}

function show(refused) {
  const field = el("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "key-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "key-title" }, "This server wants a key"),
      el("p", { class: "soft" }, "It stays in this tab and is forgotten when the tab is closed."),
      refused && el("p", { class: "problem-line", role: "alert" }, "The server did not take that key."),
      el("label", { for: "key" }, "API key"),
      field,
      el(
        "div",
        { class: "row end" },
        el("button", { type: "button", class: "quiet", on: { click: () => dialog.close("") } }, "Not now"),
        el("button", { type: "submit", class: "main", value: "use" }, "Use this key"),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const key = field.value.trim();
      const given = dialog.returnValue === "use" && key !== "";
      if (given) keep(key);
      dialog.remove();
      resolve(given);
    });
  });
}

function keep(key) {
  memory = key;
  try {
    sessionStorage.setItem(NAME, key);
  } catch {
    // storage is switched off: the key lives as long as the page
  }
}
