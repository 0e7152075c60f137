/** The second line of a card: what kind of thing it is, and of when. */

const DATED = /year|date|publish|releas|issued/i;
const DATE = /^\d{4}(-\d\d(-\d\d)?)?(?!\d)/; // of "2001-05-31T12:00" the day, of "Penguin" nothing
const YEARS = [1000, 2999]; // other numbers, such as seconds, are no year
const LABELS = 3;

/** "Comedy, Drama" from the labels of a card; empty where it has none. */
export function kindOf(card, columns) {
  return kindAndYear({ ...card, content: Object.fromEntries(Object.entries(card.content).filter(([name]) => columns[name] === "tags" || columns[name] === "categories")) }, columns);
}

/** "Comedy, Drama · 1995" from the labels and the date of a card; empty where it has neither. */
export function kindAndYear(card, columns) {
  const labels = [];
  let year = "";
  for (const [name, value] of Object.entries(card.content)) {
    if (value === null || value === "" || value === card.title) continue;
    const kind = columns[name];
    if (kind === "tags" || kind === "categories") labels.push(...listed(value));
    else if (year === "" && DATED.test(name)) year = dated(value);
  }
  const shown = labels.slice(0, LABELS).map((label) => (label.length > 40 ? `${label.slice(0, 39)}\u2026` : label));
  return [shown.join(", "), year].filter(Boolean).join(" \u00b7 ");
}

function listed(value) {
  return (Array.isArray(value) ? value : String(value).split("|")).map((one) => String(one).trim()).filter(Boolean);
}

function dated(value) {
  if (typeof value === "number") return value >= YEARS[0] && value <= YEARS[1] ? String(Math.floor(value)) : "";
  return typeof value === "string" ? DATE.exec(value)?.[0] ?? "" : "";
}
