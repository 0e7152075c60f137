/** What can be taken away from a list: its address, and a table of it. */

import { el } from "./dom.js";
import { done, failed } from "./notices.js";
import { UNTAKEN } from "./words.js";

/** Return the two buttons; `entries` returns the list as it is, `name` what the file is called. */
export function takeAway(entries, name) {
  return el(
    "div",
    { class: "row take-away" },
    el("button", { type: "button", class: "link", on: { click: copy } }, "Copy link"),
    el("button", { type: "button", class: "link", on: { click: () => save(`${name()}.csv`, table(entries())) } }, "Download as CSV"),
  );
}

async function copy() {
  try {
    await navigator.clipboard.writeText(location.href);
    done("The link to this list is copied.");
  } catch {
    // without a secure address browsers give no clipboard: the address bar has the link
    done("The link to this list is in the address bar.");
  }
}

/** The list as CSV: fields in quotation marks where they need them, and none that a spreadsheet would run. */
export function table(rows) {
  const lines = rows.map(({ rank, item, title, path }) => [rank, item, title, path === "content" ? UNTAKEN : path]);
  return [["rank", "item", "title", "kind"], ...lines].map((line) => line.map(field).join(",")).join("\r\n") + "\r\n";
}

function field(value) {
  const text = String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function save(name, text) {
  try {
    const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
    const link = el("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (error) {
    failed(error);
  }
}
