/** The second line of a card: what kind of thing it is, and of when. */

const DATED = /(?<![a-z])(?:year(?!ly)|date|publish(?!er)|publication|releas|issued)|year$|(?<!up)(?<!candi)(?<!man)(?<!vali)date$/i;
const DATE = /^\d{4}(-\d\d(-\d\d)?)?(?!\d)/; // of "2001-05-31T12:00" the day, of "Penguin" nothing
const YEARS = [1000, 2999]; // other numbers, such as seconds, are no year
const LABELS = 3;

/** The labels of a card: its tags and categories. */
export function labelsOf(card, columns) {
  return Object.entries(card.content).flatMap(([name, value]) => (isLabel(card, value) && isKind(columns[name]) ? listed(value) : []));
}

/** "Comedy, Drama, Romance and 2 more" from the labels of a card; empty where it has none. */
export function kindOf(card, columns) {
  return some(labelsOf(card, columns));
}

/** "Comedy, Drama \u00b7 1995" from the labels and the date of a card; empty where it has neither. */
export function kindAndYear(card, columns) {
  let year = "";
  for (const [name, value] of Object.entries(card.content)) {
    if (isLabel(card, value) && !isKind(columns[name]) && year === "" && DATED.test(name)) year = dated(value);
  }
  return [kindOf(card, columns), year].filter(Boolean).join(" \u00b7 ");
}

/** The first labels, and how many more there are; one more stands there itself. */
function some(labels) {
  const most = labels.length === LABELS + 1 ? labels.length : LABELS;
  const shown = labels.slice(0, most).map((label) => (label.length > 40 ? `${label.slice(0, 39)}\u2026` : label)).join(", ");
  return labels.length > most ? `${shown} and ${labels.length - most} more` : shown;
}

function isLabel(card, value) {
  return value !== null && value !== "" && value !== card.title;
}

function isKind(kind) {
  return kind === "tags" || kind === "categories";
}

function listed(value) {
  return (Array.isArray(value) ? value : String(value).split("|")).map((one) => String(one).trim()).filter(Boolean);
}

function dated(value) {
  if (typeof value === "number") return value >= YEARS[0] && value <= YEARS[1] ? String(Math.floor(value)) : "";
  return typeof value === "string" ? DATE.exec(value)?.[0] ?? "" : "";
}
