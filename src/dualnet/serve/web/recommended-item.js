/** One recommended item as a card: picture, title, kind and year, one sentence of reason; the rest in its details. */

import { PLUS, DOWN, el, fill, icon, newId } from "./dom.js";
import { content, markedTitle } from "./content.js";
import { cardOf } from "./item-cards.js";
import { kindAndYear } from "./kind-and-year.js";
import { notThis } from "./not-this.js";
import { poster, postered } from "./poster.js";
import { problem } from "./region.js";
import { sums } from "./sums.js";
import { LIFTED } from "./wishes.js";
import { UNTAKEN, shortened } from "./words.js";

const LONGEST = 140; // characters of a title

/**
 * Return `{node, explain(explanation, reason)}` of an entry of a list.
 *
 * `columns` maps content columns to their kinds; `explained` says whether an explanation will come; `add` puts the item in the
 * history; `best` is the score of the first entry. `reason` is `{nodes, popular, named}` of the sentence.
 */
export function recommendedItem(entry, { columns, best, explained, add }) {
  const { rank, item, path } = entry;
  const rules = (entry.rules ?? []).filter((one) => one !== LIFTED); // the dial says that itself
  const title = shortened(entry.title, LONGEST);
  let explanation; // undefined until it is there, null where there is none
  let named; // what the sentence of the reason names: parts of the explanation, and labels
  const name = el("span", {}, title);
  const kind = el("p", { class: "kind" });
  const because = el("p", { class: "because" });
  const popular = el("span", { class: "badge plain", title: "At least half of its score is what everybody would give it" }, "popular");
  const panel = el("div", { class: "why", id: newId("why"), hidden: true });
  const more = el(
    "button",
    { type: "button", class: "link more", "aria-expanded": "false", "aria-controls": panel.id, on: { click: toggle } },
    "Details", el("span", { class: "unseen" }, `: ${title}`), icon(DOWN, 14),
  );
  const line = el("div", { class: "pick-line" });
  const node = el("li", { class: "pick" }, line, panel);
  const heading = el("h2", { class: "pick-title" }, name, path === "content" && [" ", el("span", { class: "badge", title: "It has no like in the training data: it is listed for its content" }, UNTAKEN)]);
  const main = el(
    "div",
    { class: "pick-main" },
    heading,
    kind,
    rules.length > 0 && el("p", { class: "soft small" }, `Here by a rule: ${rules.join(", ")}.`),
    because,
    el(
      "div",
      { class: "row actions" },
      more,
      el("button", { type: "button", class: "link", on: { click: add } }, icon(PLUS, 14), el("span", {}, "Add", el("span", { class: "wide-only" }, " to history")), el("span", { class: "unseen" }, `: ${title}`)),
      notThis(node, item, title),
    ),
  );
  fill(line, el("span", { class: "rank", "aria-hidden": "true" }, String(rank)), main, fit(entry.score, best));
  readCard();

  async function readCard() {
    try {
      const card = await cardOf(item);
      kind.textContent = kindAndYear(card, columns);
      line.firstChild.after(postered(card) ? poster(card) : el("span", { class: "poster none", "aria-hidden": "true" }, title.trim().charAt(0)));
      if (card.link) main.querySelector(".actions").append(outside(card));
    } catch (error) {
      fill(kind, `${error.message} `, el("button", { type: "button", class: "link", on: { click: readCard } }, "Try again", el("span", { class: "unseen" }, `: read ${title}`)));
    }
  }

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
      if (title === card.title) fill(name, markedTitle(card, parts));
      fill(
        panel,
        el("div", { class: "reading" }, content(card, columns, parts, named?.labels)),
        explanation && sums(explanation, named?.parts),
        pending && el("p", { class: "soft" }, "The reasons are being worked out\u2026"),
        el("p", { class: "soft small" }, `Id ${item}`),
      );
    } catch (error) {
      fill(panel, problem(error, showPanel));
    }
  }

  function explain(found, reason) {
    explanation = found;
    named = reason.named;
    fill(because, reason.nodes);
    if (reason.popular) heading.append(" ", popular);
    else popular.remove();
    if (!panel.hidden) showPanel();
  }
  return { node, explain };
}

/** A bar beside the rank: how well an item fits, beside the first of the list. */
function fit(score, best) {
  const share = best > 0 ? Math.min(Math.max(score / best, 0.04), 1) : 0.04;
  const filled = el("span", { class: "fit-fill" });
  filled.style.width = `${100 * share}%`;
  return el("div", { class: "fit", "aria-hidden": "true", title: "How well it fits, beside the first of the list" }, filled);
}

function outside(card) {
  return el("a", { class: "link", href: card.link, rel: "noreferrer noopener", target: "_blank" }, "Open its page", el("span", { class: "unseen" }, `: ${card.title} (in a new tab)`));
}
