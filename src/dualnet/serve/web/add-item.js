/** Putting an item into the history from wherever it is seen. */

import { done, failed } from "./notices.js";
import { addToHistory, state } from "./state.js";
import { historyOf, oldestFirst } from "./users.js";

/** Add an item; a known person becomes a new history that starts with what they took. */
export async function addItem(id, title) {
  const { user, history } = state();
  try {
    const base = user === null ? history : oldestFirst(await historyOf(user));
    if (state().user !== user) return; // somebody else was chosen meanwhile
    addToHistory(id, base);
    done(user === null ? `Added ${title}` : `Added ${title} to a copy of their history`);
  } catch (error) {
    failed(error, () => addItem(id, title));
  }
}
