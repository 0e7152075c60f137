/** Which model answers, since when, and exchanging it. */

import { call } from "./api.js";
import { ask } from "./confirm.js";
import { el, fill } from "./dom.js";
import { done, failed } from "./notices.js";
import { moment } from "./operate-activity.js";
import { named } from "./words.js";

/** Fill the section; returns `show(report)` that brings its table up to date. */
export function startVersions(host) {
  const rows = el("tbody");
  const table = el(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": "Versions of the model" },
    el("table", { class: "figures" }, el("thead", {}, el("tr", {}, ["Version", "Model", "Answers since"].map((name) => el("th", { scope: "col" }, name)))), rows),
  );
  const reload = button("Load the model folder anew", () => exchange(false));
  const back = button("Go back to the version before", () => exchange(true));
  fill(host, el("h2", {}, "Model"), table, el("div", { class: "row" }, reload, back), el("p", { class: "soft small" }, "A new version is checked aside and swapped in only if it answers as it should. Where the server has keys, both need an admin key."));
  let shown = "";

  async function exchange(rollback) {
    if (!(await ask(rollback ? "Go back to the version before?" : "Load the model folder anew?", "Whoever asks next gets answers of the other version."))) return;
    reload.disabled = back.disabled = true;
    try {
      const { model } = await call("POST", "/v1/model:reload", { rollback });
      done(`Version ${model.version} of ${named(model.name)} answers now.`);
    } catch (error) {
      failed(error, () => exchange(rollback));
    } finally {
      reload.disabled = back.disabled = false;
    }
  }

  return function show({ versions }) {
    const now = JSON.stringify(versions);
    if (now === shown) return; // what is read by a screen reader stays in place
    shown = now;
    fill(rows, versions.map((one, at) => el("tr", {}, el("th", { scope: "row" }, el("code", {}, one.version), at === 0 && [" ", el("span", { class: "badge" }, "answers now")]), el("td", {}, named(one.name)), el("td", {}, moment(one.loaded)))));
  };
}

function button(name, click) {
  return el("button", { type: "button", class: "quiet", on: { click } }, name);
}
