/** Puts the page together: reads the model's description, then shows the view that the address names. */

import { VIEWS, write } from "./address.js";
import { call, onNewVersion } from "./api.js";
import { startAsker } from "./asker.js";
import { compareView } from "./compare.js";
import { el, fill } from "./dom.js";
import { mapView } from "./map.js";
import { modelView } from "./model-card.js";
import { newItemView } from "./new-item.js";
import { recommendationsView } from "./recommendations.js";
import { region } from "./region.js";
import { NOTHING, go, onChange, startState, state } from "./state.js";
import { startTheme } from "./theme.js";

const NAMES = { recommendations: "Recommendations", compare: "Side by side", map: "Map", new: "Something new", model: "Model" };
const SHORT = { recommendations: "Lists", compare: "Side by side", map: "Map", new: "New item", model: "Model" };
const MAKERS = { recommendations: recommendationsView, compare: compareView, map: mapView, new: newItemView, model: modelView };
const ASKED = new Set(["recommendations", "compare", "map"]); // views about somebody

const page = document.getElementById("page");
const main = document.getElementById("main");
const asker = document.getElementById("asker");

startTheme(document.getElementById("theme"));
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the part after # is the page's state
  main.focus();
});
onNewVersion(() => {
  const reload = el("button", { type: "button", class: "quiet", on: { click: () => location.reload() } }, "Load the page anew");
  page.before(el("div", { class: "news", role: "status" }, el("p", {}, "Another version of the model answers now."), reload));
});
region(main)((signal) => call("GET", "/v1/model", undefined, signal), start);

function start(model) {
  const hosts = new Map(VIEWS.map((view) => [view, el("section", { class: `view view-${view}`, "aria-label": NAMES[view], hidden: true })]));
  const updates = new Map();
  const links = new Map(VIEWS.map((view) => [view, el("a", { href: `#/${view}`, on: { click: (event) => follow(event, view) } }, SHORT[view])]));
  fill(main, [...hosts.values()]);
  const bar = document.getElementById("views");
  fill(bar, [...links.values()]);
  document.getElementById("home").addEventListener("click", (event) => {
    event.preventDefault();
    go({ view: VIEWS[0], ...NOTHING });
  });
  startState(model.ids);
  startAsker(asker, model);
  onChange(show);
  show(state());

  function follow(event, view) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab
    event.preventDefault();
    go({ view });
    window.scrollTo({ top: 0 });
  }

  function show(now) {
    for (const [view, host] of hosts) host.hidden = view !== now.view;
    for (const [view, link] of links) {
      link.setAttribute("href", write({ ...now, view }));
      if (view === now.view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    bar.scrollLeft = links.get(now.view).offsetLeft - bar.offsetLeft - 48; // on a phone not all views fit
    asker.hidden = !ASKED.has(now.view);
    page.classList.toggle("alone", asker.hidden);
    document.title = `${NAMES[now.view]} \u00b7 ${model.name}`;
    if (!updates.has(now.view)) updates.set(now.view, MAKERS[now.view](hosts.get(now.view), model));
    updates.get(now.view)(now);
  }
}
