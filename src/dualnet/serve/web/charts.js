/** Small line charts, drawn as SVG in the page's colours; each says in words what it shows. */

import { el } from "./dom.js";

const [WIDTH, HEIGHT, EDGE] = [600, 120, 6];
const SVG = "http://www.w3.org/2000/svg";

/**
 * Return a figure of one or more lines.
 *
 * `values` are numbers (null where there is none), or `lines` is `[{name, values}]`; `format` writes a number; `from` is "zero" or
 * "lowest", where the scale begins; `ends` names the first and the last place. Where there is nothing but zeros the figure says
 * `none`.
 */
export function chart({ label, values, lines = [{ name: label, values }], format = String, from = "zero", ends = [], none = "Nothing yet." }) {
  const all = lines.flatMap((line) => line.values).filter((value) => value !== null);
  if (all.every((value) => value === 0)) return el("figure", { class: "chart empty" }, el("p", { class: "soft small" }, none));
  const high = Math.max(...all, from === "zero" ? 1e-9 : -Infinity);
  const low = from === "zero" || all.length === 0 ? 0 : Math.min(...all);
  const spoken = lines.map((line) => `${line.name}: ${words(line.values, format)}`).join("; ");
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart-lines", preserveAspectRatio: "none", role: "img", "aria-label": spoken });
  svg.append(make("line", { x1: 0, x2: WIDTH, y1: HEIGHT - EDGE, y2: HEIGHT - EDGE, class: "chart-ground" }));
  lines.forEach((line, at) => {
    for (const piece of pieces(line.values)) svg.append(make("path", { d: path(piece, line.values.length, low, high), class: `chart-line chart-line-${at}` }));
  });
  return el(
    "figure",
    { class: "chart" },
    el("div", { class: "chart-scale", "aria-hidden": "true" }, el("span", {}, all.length > 0 ? format(high) : ""), el("span", {}, format(low))),
    svg,
    ends.length > 0 && el("div", { class: "chart-ends", "aria-hidden": "true" }, ends.map((end) => el("span", {}, end))),
    lines.length > 1 && el("figcaption", {}, el("ul", { class: "legend" }, lines.map((line, at) => el("li", {}, el("span", { class: `dot chart-dot-${at}` }), line.name)))),
  );
}

function words(values, format) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return "nothing yet";
  return `last ${format(known.at(-1))}, lowest ${format(Math.min(...known))}, highest ${format(Math.max(...known))}`;
}

/** Runs of numbers between gaps: `[[place, value], ...]` each. */
function pieces(values) {
  const found = [];
  let open = null;
  values.forEach((value, at) => {
    if (value === null) open = null;
    else if (open === null) found.push(open = [[at, value]]);
    else open.push([at, value]);
  });
  return found;
}

function path(piece, length, low, high) {
  const x = (at) => EDGE + (at / Math.max(length - 1, 1)) * (WIDTH - 2 * EDGE);
  const y = (value) => HEIGHT - EDGE - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * EDGE);
  const points = piece.length === 1 ? [[piece[0][0] - 0.3, piece[0][1]], [piece[0][0] + 0.3, piece[0][1]]] : piece;
  return points.map(([at, value], first) => `${first === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

function make(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  return node;
}
