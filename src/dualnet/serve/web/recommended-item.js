/** One recommended item: rank, title, why, score; more of it on demand. */

import { PLUS, DOWN, el, fill, icon, newId } from "./dom.js";
import { content, markedTitle } from "./content.js";
import { cardOf } from "./item-cards.js";
import { bar, drawBar, inWords } from "./levels.js";
import { notThis } from "./not-this.js";
import { poster } from "./poster.js";
import { problem } from "./region.js";
import { sums } from "./sums.js";
import { score, shortened } from "./words.js";

const PATHS = { content: ["new", "Not in training: scored by its content"], popularity: ["popular", "Listed for its popularity"] };

/**
 * Return `{node, explain(explanation, scale)}` of an entry of a list.
 *
 * `columns` maps content columns to their kinds; `explained` says whether an explanation will come; `add` puts the item in the
 * history.
 */
export function recommendedItem(entry, { columns, scale, explained, add }) {
  const { rank, item, title, path } = entry;
  let explanation; // undefined until it is there, null where there is none
  const strip = bar([{ name: "", score: entry.score }], scale);
  const name = el("span", {}, title);
  const because = el("p", { class: "because" });
  const panel = el("div", { class: "why", id: newId("why"), hidden: true });
  const more = el(
    "button",
    { type: "button", class: "link more", "aria-expanded": "false", "aria-controls": panel.id, on: { click: toggle } },
    explained ? "Why this" : "What it is", el("span", { class: "unseen" }, `: ${title}`), icon(DOWN, 14),
  );
  const line = el("div", { class: "pick-line" });
  const node = el("li", { class: "pick" }, line, panel);
  const badge = PATHS[path];
  fill(
    line,
    el("span", { class: "rank", "aria-hidden": "true" }, String(rank)),
    el(
      "div",
      { class: "pick-main" },
      el("h2", { class: "pick-title" }, name, badge && [" ", el("span", { class: "badge", title: badge[1] }, badge[0])]),
      because,
      el(
        "div",
        { class: "row" },
        more,
        el("button", { type: "button", class: "link", on: { click: add } }, icon(PLUS, 14), "Add to history", el("span", { class: "unseen" }, `: ${title}`)),
        notThis(node, item, title),
      ),
    ),
    el("div", { class: "pick-score" }, el("span", { class: "score" }, el("span", { class: "unseen" }, "Score "), score(entry.score)), strip),
  );
  cardOf(item).then((card) => card.picture && line.firstChild.after(poster(card)), () => undefined);

  function toggle() {
    panel.hidden = !panel.hidden;
    fill(name, title);
    more.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) showPanel();
  }

  async function showPanel() {
    try {
      const card = await cardOf(item);
      const parts = explanation?.content?.parts ?? [];
      const pending = explained && explanation === undefined;
      if (panel.hidden) return; // closed again meanwhile
      fill(name, markedTitle(card, parts));
      fill(
        panel,
        el("div", { class: "reading" }, content(card, columns, parts)),
        explanation && sums(explanation),
        pending && el("p", { class: "soft" }, "The reasons are being worked out\u2026"),
        el("p", { class: "soft small" }, `Id ${item}`),
      );
    } catch (error) {
      fill(panel, problem(error, showPanel));
    }
  }

  function explain(found, newScale) {
    explanation = found;
    if (found) {
      drawBar(strip, inWords(found.levels), newScale);
      const top = found.history.parts.filter((one) => one.score > 0).slice(0, 2);
      const names = top.flatMap((one, at) => [at > 0 ? " and " : "", el("span", { class: "because-item", title: one.title }, shortened(one.title))]);
      if (top.length > 0) fill(because, "Because of ", names);
    }
    if (!panel.hidden) showPanel();
  }
  return { node, explain };
}
