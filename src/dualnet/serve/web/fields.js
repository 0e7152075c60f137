/** A form field for each content column of the served model, and their values as the server wants them. */

import { el, fill, newId } from "./dom.js";
import { named } from "./words.js";

const OFFERED = 10; // labels that a click puts in

/**
 * Return `{nodes, read, clear, offer}`: the fields, a function that returns a promise of the content, one that empties them, and one
 * that offers labels which the catalogue has: a map of columns to lists.
 *
 * `separators` says of columns of tags what divides their text.
 */
export function fieldsOf(columns, separators = {}) {
  const first = titleColumn(columns);
  const names = Object.keys(columns);
  names.sort((a, b) => Number(b === first) - Number(a === first));
  const fields = names.map((name) => field(name, columns[name], name === first, separators[name] ?? ""));
  return {
    nodes: fields.map((one) => one.node),
    async read() {
      const values = await Promise.all(fields.map((one) => one.value()));
      return Object.fromEntries(fields.map((one, at) => [one.name, values[at]]).filter(([, value]) => value !== null));
    },
    clear() {
      for (const one of fields) {
        one.input.value = "";
        one.input.dispatchEvent(new Event("input", { bubbles: true }));
      }
    },
    offer(labels) {
      for (const one of fields) one.offer(labels.get(one.name) ?? []);
    },
  };
}

/** The column that is most likely the title. */
export function titleColumn(columns) {
  const names = Object.keys(columns);
  return names.find((name) => /^(title|name)$/i.test(name)) ?? names.find((name) => columns[name] === "text") ?? null;
}

const MARKS = ["|", "\n", "\t", ";", ","]; // the first that occurs divides a text, as it does a column of a table

/** The tags of a text: a tag that the catalogue has as it is, else what stands between the separators, semicolons or commas. */
export function tagsOf(text, separator, labels = []) {
  const whole = text.trim();
  if (labels.includes(whole)) return [whole];
  const marks = [...separator].filter((mark) => whole.includes(mark));
  const at = marks.length > 0 ? marks : MARKS.filter((mark) => whole.includes(mark)).slice(0, 1);
  const parts = at.reduce((found, mark) => found.flatMap((one) => one.split(mark)), [whole]);
  return [...new Set(parts.map((one) => one.trim()).filter(Boolean))];
}

const TYPES = { numbers: "number", dates: "date", images: "file" };
const HINTS = { tags: "tags, separated by commas", vectors: "numbers, separated by commas", bags: "numbers, separated by commas", categories: "one label" };

function field(name, kind, isTitle, separator) {
  let labels = [];
  const id = newId("field");
  const common = { id, name, autocomplete: "off" };
  const long = kind === "text" && !isTitle;
  const input = long
    ? el("textarea", { ...common, rows: 5 })
    : el("input", { ...common, type: TYPES[kind] ?? "text", step: kind === "numbers" ? "any" : null, accept: kind === "images" ? "image/*" : null, placeholder: HINTS[kind] ?? null });
  const node = el("div", { class: "field" }, el("label", { for: id }, named(name)), input);
  const tags = () => tagsOf(input.value, separator, labels);
  if (kind === "tags") node.append(understood(input, tags));
  function offer(found) {
    labels = found;
    if ((kind === "tags" || kind === "categories") && found.length > 0) node.append(offered(name, input, found.slice(0, OFFERED), kind === "tags" ? tags : null, separator));
  }
  const written = () => /^\s*[[({<]/.test(input.value); // a list as JSON or another language writes one: the server reads those
  return { name, node, input, offer, value: async () => (kind === "tags" && !written() ? listOf(tags()) : valueOf(input, kind)) };
}

/** A line that says which tags a text is taken as. */
function understood(input, tags) {
  const line = el("p", { class: "soft small", role: "status" });
  input.addEventListener("input", () => {
    const found = tags();
    fill(line, found.length > 1 || (found.length === 1 && found[0] !== input.value.trim()) ? `Taken as ${found.length === 1 ? "one tag" : `${found.length} tags`}: ${found.join(" \u00b7 ")}` : "");
  });
  return line;
}

/** Frequent labels of the column: a click puts one in, or takes it out. */
function offered(name, input, labels, tags, separator) {
  const chosen = () => (tags === null ? [input.value.trim()] : tags());
  const between = (next) => (separator === "" ? (next.some((one) => one.includes(",")) ? "; " : ", ") : separator.includes(",") ? ", " : separator.charAt(0));
  const buttons = labels.map((label) => el("button", { type: "button", class: "filter-chip", "aria-pressed": "false", on: { click: () => toggle(label) } }, label));
  const mark = () => buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(chosen().includes(labels[at]))));
  function toggle(label) {
    const now = chosen();
    const next = now.includes(label) ? now.filter((one) => one !== label) : tags === null ? [label] : [...now, label];
    input.value = next.join(between(next));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }
  input.addEventListener("input", mark);
  return el("div", { class: "chip-row", role: "group", "aria-label": `Frequent in ${named(name)}` }, buttons);
}

function listOf(values) {
  return values.length > 0 ? values : null;
}

async function valueOf(input, kind) {
  if (kind === "images") return input.files.length > 0 ? base64(await input.files[0].arrayBuffer()) : null;
  const text = input.value.trim();
  if (text === "") return null;
  if (kind === "numbers") return Number(text);
  if (kind === "vectors" || kind === "bags") return text.split(/[\s,;]+/).filter(Boolean).map(Number);
  return text;
}

function base64(buffer) {
  const data = new Uint8Array(buffer);
  let text = "";
  for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  return btoa(text);
}
