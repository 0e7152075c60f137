/** What is known of items on this page: their cards, fetched once each. */

import { call, itemPath } from "./api.js";

const cards = new Map();
const titles = new Map();
const listeners = new Set();

/** Keep cards that came with an answer. */
export function keepCards(list) {
  for (const card of list) {
    cards.set(card.item, Promise.resolve(card));
    titles.set(card.item, card.title);
  }
  return list;
}

/** Keep titles that came with a list of recommendations. */
export function keepTitles(list) {
  for (const { item, title } of list) titles.set(item, title);
}

/** The title if it is known already, else the id. */
export function titleOf(id) {
  return titles.get(id) ?? String(id);
}

/** Whether the title is known already. */
export function hasTitle(id) {
  return titles.has(id);
}

/** A promise of an item's card. */
export function cardOf(id) {
  if (!cards.has(id)) {
    const card = Promise.resolve().then(() => call("GET", itemPath(id))).then((found) => {
      titles.set(id, found.title);
      return found;
    });
    card.catch(() => cards.delete(id)); // another try may do better
    cards.set(id, card);
  }
  return cards.get(id);
}

/** Search titles; a promise of `{options, total}`. */
export async function findItems(text, signal, limit = 8) {
  const found = await call("GET", `/v1/items?limit=${limit}&query=${encodeURIComponent(text.slice(0, 200))}`, undefined, signal);
  return { options: keepCards(found.items), total: found.total, mended: found.mended };
}

/** The catalogue has changed: what is known of an item may be wrong. */
export function catalogueChanged(id) {
  cards.delete(id);
  titles.delete(id);
  for (const listener of listeners) listener();
}

/** Call `listener` when the catalogue has changed. */
export function onCatalogue(listener) {
  listeners.add(listener);
}
