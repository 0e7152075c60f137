/** People the model knows, and what they took. */

import { call } from "./api.js";
import { keepCards } from "./items.js";

/** Search ids; a promise of `{options, total}`. */
export async function findUsers(text, signal, limit = 8) {
  const found = await call("GET", `/v1/users?limit=${limit}&query=${encodeURIComponent(text.slice(0, 200))}`, undefined, signal);
  return { options: found.users, total: found.total };
}

/** A promise of the cards of what somebody took. */
export async function historyOf(user, signal) {
  const found = await call("GET", `/v1/users/${encodeURIComponent(user)}/history`, undefined, signal);
  return keepCards(found.items);
}
