/** People the model knows, and what they took. */

import { call, userPath } from "./api.js";
import { keepCards } from "./item-cards.js";

/** Search ids, the longest histories first; a promise of `{options, total}`. */
export async function findUsers(text, signal) {
  const found = await call("GET", `/v1/users?limit=8&query=${encodeURIComponent(text.slice(0, 200))}`, undefined, signal);
  return { options: found.users, total: found.total };
}

/** A promise of a few people with histories of a usual length. */
export async function typicalUsers(signal, limit) {
  return (await call("GET", `/v1/users?limit=${limit}&order=typical`, undefined, signal)).users;
}

/** A promise of the cards of what somebody took, the newest first. */
export async function historyOf(user, signal) {
  const found = await call("GET", `${userPath(user)}/history`, undefined, signal);
  return keepCards(found.items);
}

/** The ids of a history as it grows: what comes next is put at its end. */
export function oldestFirst(cards) {
  return cards.map((card) => card.item).reverse();
}
