/** Pictures of items, fetched when they come into view. */

import { bytes, itemPath } from "./api.js";
import { storedKey } from "./api-key.js";
import { el } from "./dom.js";

/** Return a poster of an item that has one. */
export function poster(card) {
  const path = `${itemPath(card.item)}/picture`;
  const alt = `Picture of ${card.title}`;
  if (storedKey() === null) {
    const image = el("img", { class: "poster", src: path, alt, loading: "lazy", decoding: "async", width: 72, height: 108 });
    image.addEventListener("error", () => image.remove());
    return image;
  }
  // an img sends no key, and the page's policy takes no blob: addresses; a canvas needs neither
  const canvas = el("canvas", { class: "poster", role: "img", "aria-label": alt, "aria-busy": "true", width: 144, height: 216 });
  const seen = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    try {
      draw(canvas, await createImageBitmap(await bytes(path)));
      canvas.removeAttribute("aria-busy");
    } catch {
      canvas.remove(); // no picture is better than a broken one
    }
  });
  seen.observe(canvas);
  return canvas;
}

function draw(canvas, picture) {
  const zoom = Math.max(canvas.width / picture.width, canvas.height / picture.height);
  const [width, height] = [picture.width * zoom, picture.height * zoom];
  canvas.getContext("2d").drawImage(picture, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}
