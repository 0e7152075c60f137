/** All items in the plane, alike ones near each other; history and recommendations light up. */

import { addItem } from "./add-item.js";
import { announce } from "./announce.js";
import { call } from "./api.js";
import { el, fill } from "./dom.js";
import { cardOf, hasTitle, onCatalogue, titleOf } from "./item-cards.js";
import { mapColours } from "./map-colours.js";
import { excluded } from "./not-this.js";
import { failed } from "./notices.js";
import { Plane } from "./plane.js";
import { recommend } from "./recommendations.js";
import { mayHavePictures, poster, postered } from "./poster.js";
import { region } from "./region.js";
import { asking, someone, state } from "./state.js";
import { onTheme } from "./theme.js";
import { historyOf } from "./users.js";
import { count, some } from "./words.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LISTED = 10;
const WAIT = 90;
const MANY = 100; // dots of a history, from which on they are small

/** Return `update(state)` of this view. */
export function mapView(host, model) {
  const load = region(host);
  let plan = null; // of the map on the page
  let stale = true;
  onCatalogue(() => { stale = true; });

  return function update() {
    if (stale || plan === null) {
      stale = false;
      load((signal) => call("GET", "/v1/map", undefined, signal), (answer) => { plan = show(host, answer, model); });
    } else {
      plan.follow();
    }
  };
}

function show(host, { items, x, y, explained, total, regions }, model) {
  const rows = new Map(items.map((item, at) => [item, at]));
  const canvas = el("canvas", { class: "map", tabindex: "0", role: "application", "aria-roledescription": "map", "aria-describedby": "map-help", "aria-label": `Map of ${some(items.length, "item")}` });
  const tip = el("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const zoom = (name, sign, factor) => el("button", { type: "button", class: "icon-button", "aria-label": name, on: { click: () => { factor === 0 ? reset() : plane.zoomBy(factor); draw(); } } }, sign);
  const key = el("ul", { class: "legend", "aria-label": "History and recommendations" });
  const colouring = mapColours((found) => { painted = found; key.classList.toggle("painted", found !== null); draw(); });
  const frame = el("div", { class: "map-frame" }, canvas, tip);
  const tools = el("div", { class: "map-bar" }, colouring.node, el("div", { class: "map-tools" }, zoom("Closer", "+", 1.6), zoom("Further away", "\u2212", 1 / 1.6), zoom("Whole map", "\u2922", 0)));
  fill(
    host,
    el(
      "div",
      { class: "list-head" },
      el("div", {}, el("h1", {}, "Map"), el("p", { class: "soft" }, `${which(items.length, total)}, alike ones near each other.`)),
      key,
    ),
    tools,
    frame,
    colouring.legend,
    el("p", { class: "soft small", id: "map-help" }, "Point at a dot for its title, click to add it to the history. With the keyboard: arrow keys walk from dot to dot, Enter adds, + and \u2212 zoom."),
    el("p", { class: "soft small" }, `A plane cannot show everything: this one shows ${Math.round(explained * 100)} % of the differences between items. Names stand for what sets a region apart.`),
  );
  const plane = new Plane(canvas, x, y);
  const largestFirst = [...regions].sort((a, b) => b.items - a.items);
  let active = -1;
  let taken = [];
  let listed = [];
  let painted = null; // labels of a column by item, where one is chosen
  let drawing = 0;
  const loadLit = region(key);

  function draw() {
    window.cancelAnimationFrame(drawing);
    drawing = window.requestAnimationFrame(() => {
      if (!plane.fit()) return;
      const colour = (name) => getComputedStyle(canvas).getPropertyValue(name).trim();
      plane.context.clearRect(0, 0, plane.width, plane.height);
      const lit = taken.length + listed.length > 0;
      const radius = 2.2 * Math.min(plane.zoom, 2) ** 0.5;
      const plain = painted === null ? x.keys() : [...x.keys()].filter((at) => painted.of[at] < 0);
      plane.dots(plain, radius, colour(lit || painted ? "--map-faint" : "--map-dot"));
      for (const at of painted?.names.keys() ?? []) plane.dots([...x.keys()].filter((one) => painted.of[one] === at), radius, colour(`--level-${at}`));
      const surface = colour("--surface");
      // beside the colours of a column those of the history and the list would mean two things: they are full and hollow there
      // the list lies above the history, whose dots are smaller where there are many
      const [small, large] = [taken.length > MANY ? 3 : 5.5, 5.5];
      for (const [lights, own, size] of [[taken, colour(painted ? "--ink" : "--map-taken"), small], [listed, painted ? surface : colour("--map-listed"), large]]) {
        for (const at of lights) {
          plane.dots([at], size + (painted === null ? 1.5 : 2.5), surface); // a gap, so that neighbours stay apart
          plane.dots([at], size, own);
          if (painted !== null && lights === listed) plane.ring(at, 5.5, colour("--ink"), 2.5);
        }
      }
      const style = { colour: colour("--ink"), seam: surface, font: colour("--sans") };
      const named = [];
      for (const region of largestFirst) plane.name(region.name, region.x, region.y, style, named, [...taken, ...listed]);
      if (active >= 0) plane.ring(active, 9, colour("--ink"), 2);
      moveTip();
    });
  }

  function moveTip() {
    tip.hidden = active < 0;
    if (active < 0) return;
    const [px, py] = plane.place(active);
    const width = tip.offsetWidth;
    tip.style.left = `${Math.min(Math.max(px - width / 2, 6), plane.width - width - 6)}px`;
    tip.style.top = `${py > tip.offsetHeight + 22 ? py - tip.offsetHeight - 14 : py + 16}px`;
  }

  function activate(at, spoken) {
    if (at === active) return;
    active = at;
    fill(tip, titleOf(items[at] ?? ""));
    draw();
    if (at < 0) return;
    const say = (card) => {
      if (active !== at) return;
      fill(tip, card && postered(card) && poster(card, true), titleOf(items[at]));
      moveTip();
      if (spoken) announce(`${titleOf(items[at])}${taken.includes(at) ? ", in the history" : listed.includes(at) ? ", recommended" : ""}`);
    };
    if (hasTitle(items[at]) && !mayHavePictures(model)) say();
    else cardOf(items[at]).then(say, () => say());
  }

  function reset() {
    plane.zoom = 1;
    plane.middle = [0.5, 0.5];
  }

  async function choose(at) {
    try {
      const { title } = await cardOf(items[at]);
      await addItem(items[at], title);
    } catch (error) {
      failed(error, () => choose(at));
    }
  }

  listen(canvas, plane, { draw, activate, choose, active: () => active, favoured: () => [...taken, ...listed] });
  new ResizeObserver(draw).observe(canvas);
  onTheme(draw);

  function follow() {
    if (!someone()) {
      loadLit(async () => null, () => light([], [], fill(key)));
      return;
    }
    const who = state();
    loadLit(
      async (signal) => {
        const [list, cards] = await Promise.all([recommend({ ...asking(who), ...excluded(who) }, LISTED, signal), who.user === null ? null : historyOf(who.user, signal)]);
        return [cards === null ? who.history : cards.map((card) => card.item), list.items.map((entry) => entry.item)];
      },
      ([own, list]) => light(own, list),
      WAIT,
    );
  }

  function light(own, list) {
    const found = (ids) => ids.map((id) => rows.get(id)).filter((at) => at !== undefined);
    [taken, listed] = [found(own), found(list)];
    if (own.length > 0) {
      const of = (lit, all) => (lit.length < all.length ? `${lit.length} of ${all.length}` : `${lit.length}`);
      const left = taken.length < own.length || listed.length < list.length;
      fill(
        key,
        el("li", {}, el("span", { class: "dot taken" }), `History (${of(taken, own)})`),
        el("li", {}, el("span", { class: "dot listed" }), `Recommended (${of(listed, list)})`),
        left && el("li", { class: "soft" }, `The others are not among the ${count(items.length)} on the map`),
      );
    }
    draw();
  }

  draw();
  follow();
  return { follow };
}

function which(shown, total) {
  return shown < total ? `The ${count(shown)} most popular of ${some(total, "item")}` : some(shown, "item");
}

function listen(canvas, plane, { draw, activate, choose, active, favoured }) {
  let drag = null;
  const at = (event) => plane.nearest(event.offsetX, event.offsetY, favoured());
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag && event.buttons > 0) {
      const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.moved && Math.hypot(x, y) < 5) return;
      plane.moveBy(x, y);
      drag = { x: event.clientX, y: event.clientY, moved: true };
      draw();
    } else {
      const found = at(event);
      canvas.classList.toggle("over", found >= 0);
      activate(found, false);
    }
  });
  canvas.addEventListener("pointerleave", (event) => {
    drag = null;
    if (event.pointerType !== "touch") activate(-1, false);
  });
  canvas.addEventListener("click", (event) => {
    const [found, moved] = [at(event), drag?.moved];
    drag = null;
    if (moved) return;
    const named = active() === found || event.pointerType !== "touch"; // a finger sees the title first, and adds with a second tap
    activate(found, false);
    if (found >= 0 && named) choose(found);
  });
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // a plain wheel scrolls the page
    event.preventDefault();
    plane.zoomBy(event.deltaY < 0 ? 1.25 : 0.8, event.offsetX, event.offsetY);
    draw();
  }, { passive: false });
  canvas.addEventListener("focus", () => {
    if (active() < 0 && canvas.matches(":focus-visible")) activate(favoured()[0] ?? plane.nearestToMiddle(), true);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step) {
      const next = active() < 0 ? favoured()[0] ?? plane.nearestToMiddle() : plane.towards(active(), ...step);
      if (next >= 0) { plane.reveal(next); activate(next, true); }
    } else if (event.key === "Enter" && active() >= 0) choose(active());
    else if (event.key === "+" || event.key === "=") plane.zoomBy(1.6, ...(active() >= 0 ? plane.place(active()) : []));
    else if (event.key === "-") plane.zoomBy(1 / 1.6);
    else return;
    event.preventDefault();
    draw();
  });
}
