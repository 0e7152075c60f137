/** Numbers and names as a person reads them. */

/** Said of an item without an event in the training data, here as in printed lists. */
export const UNTAKEN = "nobody took it yet";

const whole = new Intl.NumberFormat("en");

/** 1234 -> "1,234". */
export function count(number) {
  return whole.format(number);
}

/** "1 item", "3 items". */
export function some(number, one, many = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

/** A score: three decimals, fewer where it is large. */
export function score(value) {
  return withMinus(value, Math.abs(value) >= 100 ? 0 : 3);
}

/** A part of a score: with its sign. */
export function part(value) {
  const text = withMinus(value, Math.abs(value) >= 100 ? 0 : 3);
  return value > 0 ? `+${text}` : text;
}

/** "content-profile" -> "Content profile". */
export function named(name) {
  if (name === "dualnet") return "DualNet";
  if (name === "item-knn") return "Item neighbours";
  if (name === "solved") return "Solved model";
  if (/^(wmf|bpr|cdl|ease)$/.test(name)) return name.toUpperCase();
  const words = String(name).replaceAll(/[-_]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Whether a level of an explanation is one of the networks. */
export function ofNetwork(name) {
  return /^level \d+$/.test(name);
}

/** A level of an explanation in words: what its part of a score comes from. */
export function levelInWords(name) {
  if (ofNetwork(name)) return "What the network adds";
  if (name === "content") return "What it is about";
  if (name === "factors") return "What others took";
  return named(name);
}

/** A text cut at a word, if it is longer than `most` characters. */
export function shortened(text, most = 64) {
  if (text.length <= most) return text;
  return `${text.slice(0, most).replace(/\s+\S*$/u, "")}\u2026`;
}

/** Make a server's message a sentence. */
export function sentence(message) {
  const text = String(message).trim();
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** A value of a parameter or a fact, as a person reads it. */
export function plainValue(value) {
  if (value === null) return "\u2013";
  if (Array.isArray(value)) return value.map(plainValue).join(", ");
  if (typeof value === "object") return JSON.stringify(value);
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : String(Number(value.toPrecision(4)));
  return String(value);
}

function withMinus(value, decimals) {
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `\u2212${text}` : text;
}
