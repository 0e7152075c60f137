/** A part of the page that shows answers: the old one stays while a new one is on its way, stale ones are dropped, failures are one
 * sentence with a retry. */

import { Problem } from "./api.js";
import { el, fill } from "./dom.js";
import { NOTHING, go, someone } from "./state.js";

/**
 * Make `host` such a part. Returns `load(work, show, wait)`: `work(signal)` returns a promise, `show(value, signal)` fills the
 * host; `wait` milliseconds pass first, and a later call within them replaces this one.
 */
export function region(host) {
  let controller = null;
  return function load(work, show, wait = 0) {
    controller?.abort();
    controller = new AbortController();
    const { signal } = controller;
    host.setAttribute("aria-busy", "true");
    window.setTimeout(() => run(signal), wait);

    async function run(mine) {
      if (mine.aborted) return;
      try {
        const value = await work(mine);
        if (mine.aborted) return;
        keepingFocus(host, () => show(value, mine));
      } catch (error) {
        if (mine.aborted) return;
        keepingFocus(host, () => fill(host, problem(error, () => load(work, show))));
        if (!(error instanceof Problem)) throw error; // a defect of the page: it belongs in the console
      }
      if (!mine.aborted) host.removeAttribute("aria-busy");
    }
  };
}

/** One sentence and a button to try again. */
export function problem(error, again) {
  const message = error instanceof Problem ? error.message : "Something went wrong on this page.";
  const unknown = error.code === "unknown-id" && someone(); // another try cannot help
  return el(
    "div",
    { class: "problem", role: "alert" },
    el("p", {}, message),
    unknown
      ? el("button", { type: "button", class: "quiet", on: { click: () => go({ ...NOTHING }) } }, "Begin anew")
      : again && el("button", { type: "button", class: "quiet", on: { click: again } }, "Try again"),
  );
}

/** If what had the focus is replaced, the host gets it: a keyboard does not start again at the top. */
function keepingFocus(host, change) {
  const had = host.contains(document.activeElement);
  change();
  if (had && !host.contains(document.activeElement)) {
    host.tabIndex = -1;
    host.focus({ preventScroll: true });
  }
}
