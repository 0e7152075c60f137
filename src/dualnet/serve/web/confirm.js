/** Asking once more before something that cannot be taken back. */

import { el } from "./dom.js";

/** A promise of whether the person says yes. */
export function ask(title, text, yes = "Yes") {
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "confirm-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "confirm-title" }, title),
      el("p", { class: "soft" }, text),
      el(
        "div",
        { class: "row end" },
        el("button", { type: "button", class: "quiet", on: { click: () => dialog.close("") } }, "No"),
        el("button", { type: "submit", class: "main", value: "yes" }, yes),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const said = dialog.returnValue === "yes";
      dialog.remove();
      resolve(said);
    });
  });
}
