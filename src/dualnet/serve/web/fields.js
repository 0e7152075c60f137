/** A form field for each content column of the served model, and their values as the server wants them. */

import { el, newId } from "./dom.js";
import { named } from "./words.js";

/** Return `{nodes, read, clear}`: the fields, a function that returns a promise of the content, and one that empties them. */
export function fieldsOf(columns) {
  const first = titleColumn(columns);
  const names = Object.keys(columns);
  names.sort((a, b) => Number(b === first) - Number(a === first));
  const fields = names.map((name) => field(name, columns[name], name === first));
  return {
    nodes: fields.map((one) => one.node),
    async read() {
      const values = await Promise.all(fields.map((one) => one.value()));
      return Object.fromEntries(fields.map((one, at) => [one.name, values[at]]).filter(([, value]) => value !== null));
    },
    clear() {
      for (const one of fields) one.input.value = "";
    },
  };
}

/** The column that is most likely the title. */
export function titleColumn(columns) {
  const names = Object.keys(columns);
  return names.find((name) => /^(title|name)$/i.test(name)) ?? names.find((name) => columns[name] === "text") ?? null;
}

const TYPES = { numbers: "number", dates: "date", images: "file" };
const HINTS = { tags: "tags, written as in the table of items", vectors: "numbers, separated by commas", bags: "numbers, separated by commas", categories: "one label" };

function field(name, kind, isTitle) {
  const id = newId("field");
  const common = { id, name, autocomplete: "off" };
  const long = kind === "text" && !isTitle;
  const input = long
    ? el("textarea", { ...common, rows: 5 })
    : el("input", { ...common, type: TYPES[kind] ?? "text", step: kind === "numbers" ? "any" : null, accept: kind === "images" ? "image/*" : null, placeholder: HINTS[kind] ?? null });
  const node = el("div", { class: "field" }, el("label", { for: id }, named(name)), input);
  return { name, node, input, value: async () => valueOf(input, kind) };
}

async function valueOf(input, kind) {
  if (kind === "images") return input.files.length > 0 ? base64(await input.files[0].arrayBuffer()) : null;
  const text = input.value.trim();
  if (text === "") return null;
  if (kind === "numbers") return Number(text);
  if (kind === "vectors" || kind === "bags") return text.split(/[\s,;]+/).filter(Boolean).map(Number);
  return text; // also tags: the server divides them at what divided those of the table
}

function base64(buffer) {
  const data = new Uint8Array(buffer);
  let text = "";
  for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  return btoa(text);
}
