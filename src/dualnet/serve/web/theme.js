/** Light or dark: the system's choice until the button says otherwise; the choice is kept in this browser. */

const NAME = "dualnet-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

/** Call `listener` whenever the colours change: a canvas has to be drawn again. */
export function onTheme(listener) {
  listeners.add(listener);
}

/** Give the button its task. */
export function startTheme(button) {
  const tell = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    for (const listener of listeners) listener();
  };
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(NAME, next);
    } catch {
      // storage is switched off: the choice holds until the page is left
    }
    tell();
  });
  dark.addEventListener("change", tell);
  tell();
}
