/** What was put in the catalogue from this tab, so that it can be taken out again. */

const NAME = "dualnet-added";
let memory = [];

/** Ids and titles, the newest first. */
export function added() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "[]");
  } catch {
    return memory;
  }
}

/** Remember an item. */
export function noteAdded(item, title) {
  keep([{ item, title }, ...added().filter((one) => one.item !== item)]);
}

/** Forget an item. */
export function noteDeleted(item) {
  keep(added().filter((one) => one.item !== item));
}

function keep(list) {
  memory = list;
  try {
    sessionStorage.setItem(NAME, JSON.stringify(list));
  } catch {
    // storage is switched off: the list lives as long as the page
  }
}
