/** What the server does: numbers of today and lines of the last hour, read again every few seconds while one looks. */

import { call } from "./api.js";
import { chart } from "./charts.js";
import { el, fill } from "./dom.js";
import { region } from "./region.js";
import { count } from "./words.js";

const EVERY = 5000; // milliseconds
const ENDS = ["an hour ago", "now"];

/** Fill the section and keep it so; `told(report)` is called with each report. */
export function startActivity(host, told) {
  const follow = el("input", { type: "checkbox", id: "follow", checked: true });
  const body = el("div", { class: "stack" });
  fill(
    host,
    el("div", { class: "list-head" }, el("h2", {}, "Now"), el("div", { class: "row" }, follow, el("label", { for: follow.id }, "Follow"))),
    body,
  );
  const load = region(body);
  read();
  window.setInterval(() => {
    if (!follow.checked || document.hidden || body.hasAttribute("aria-busy")) return;
    if (body.querySelector("[role=alert]")) call("GET", "/v1/activity").then(read, () => undefined); // a failure is told once
    else read();
  }, EVERY);

  function read() {
    load((signal) => call("GET", "/v1/activity", undefined, signal), (report) => {
      fill(body, numbers(report), plots(report), el("p", { class: "soft small" }, `Counted by this server alone since ${moment(report.since)}; each line is the last hour, a point for each minute. Prometheus finds more at /metrics.`));
      told(report);
    });
  }
}

/** A time as a person reads it. */
export function moment(seconds) {
  return new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" }).format(new Date(1000 * seconds));
}

function numbers({ today, answers, events, p95 }) {
  const last = (values) => values.at(-2) ?? 0; // the last minute that is over
  const facts = [
    ["answers in the last minute", count(last(answers))],
    ["events in the last minute", count(last(events))],
    ["milliseconds for 95 % of answers", latest(p95)],
    ["lists today", count(today.lists)],
    ["of what is listed nobody took yet", share(today.new_entries, today.entries)],
    ["of the lists were taken up", share(today.taken_up, today.lists)],
    ["items added today", count(today.items_added)],
    ["errors today", count(today.errors)],
  ];
  return el("dl", { class: "facts" }, facts.map(([name, value]) => el("div", {}, el("dd", {}, value), el("dt", {}, name))));
}

function latest(values) {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? milliseconds(known.at(-1)) : "\u2013";
}

function milliseconds(value) {
  return value >= 100 || value === 0 ? count(Math.round(value)) : value.toFixed(1);
}

function share(part, whole) {
  return whole === 0 ? "\u2013" : `${(100 * part / whole).toFixed(part === 0 ? 0 : 1)} %`;
}

function plots(report) {
  const lists = [["for people we know", report.known], ["for a history that came along", report.new], ["of what is popular", report.fallback]];
  const times = [["half of the answers", report.p50], ["95 % of the answers", report.p95]];
  return el(
    "div",
    { class: "plots" },
    plot("Lists a minute, by whom they were for", chart({ label: "Lists", lines: lists.map(([name, values]) => ({ name, values })), format: whole, ends: ENDS, none: "No list was asked for in the last hour." })),
    plot("Milliseconds to answer", chart({ label: "Milliseconds", lines: times.map(([name, values]) => ({ name, values })), format: milliseconds, ends: ENDS, none: "No requests in the last hour." })),
    plot("Events a minute", chart({ label: "Events", values: report.events, format: whole, ends: ENDS, none: "No events were told in the last hour." })),
    plot("Answers a minute", chart({ label: "Answers", lines: [{ name: "answered", values: report.answers }, { name: "errors of the server", values: report.errors }], format: whole, ends: ENDS, none: "No requests in the last hour." })),
  );
}

function plot(title, figure) {
  return el("div", { class: "plot" }, el("h3", {}, title), figure);
}

function whole(value) {
  return count(Math.round(value));
}
