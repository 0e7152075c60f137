/** Saying to a screen reader what has changed. */

const place = document.getElementById("announcements");
let waiting = 0;

/** Say one sentence, once; a later one replaces one that was not said yet. */
export function announce(sentence) {
  window.clearTimeout(waiting);
  place.textContent = "";
  waiting = window.setTimeout(() => {
    place.textContent = sentence;
  }, 60);
}
