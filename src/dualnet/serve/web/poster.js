/** Pictures of items, fetched when they come into view: those that the server has, and links that it allows. */

import { bytes, itemPath } from "./api.js";
import { storedKey } from "./api-key.js";
import { el } from "./dom.js";

const HOSTS = document.querySelector('meta[name="picture-hosts"]')?.content.split(" ").filter(Boolean) ?? [];

/** Whether items of a model may have pictures that the page may show: only then their cards are asked for pictures' sake. */
export function mayHavePictures({ columns }) {
  return Object.values(columns).includes("images") || HOSTS.length > 0;
}

/** Whether an item has a picture that the page may show: one of the server, or of a host that it allows. */
export function postered(card) {
  return card.picture || allowed(card.picture_link);
}

/** Whether a link is one of the hosts that the page's policy takes: `name` or `*.name`, perhaps with a port, by HTTPS. */
function allowed(link) {
  const found = link ? parsed(link) : null;
  if (found?.protocol !== "https:") return false;
  return HOSTS.some((host) => (host.startsWith("*.") ? found.host.endsWith(host.slice(1)) : found.host === host));
}

function parsed(link) {
  try {
    return new URL(link);
  } catch {
    return null;
  }
}

/** Return a poster of an item that has one; `small` ones stand in lists of titles. */
export function poster(card, small = false) {
  const alt = small ? "" : `Picture of ${card.title}`;
  const [width, height] = small ? [28, 42] : [72, 108];
  const shape = { class: small ? "poster small" : "poster", alt, loading: "lazy", decoding: "async", width, height };
  if (!card.picture || storedKey() === null) {
    const image = el("img", { ...shape, src: card.picture ? `${itemPath(card.item)}/picture` : card.picture_link, referrerpolicy: "no-referrer" });
    image.addEventListener("error", () => image.remove()); // no picture is better than a broken one
    return image;
  }
  // an img sends no key, and the page's policy takes no blob: addresses; a canvas needs neither
  const named = alt === "" ? { "aria-hidden": "true" } : { role: "img", "aria-label": alt, "aria-busy": "true" };
  const canvas = el("canvas", { class: shape.class, width: 2 * width, height: 2 * height, ...named });
  const seen = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    try {
      draw(canvas, await createImageBitmap(await bytes(`${itemPath(card.item)}/picture`)));
      canvas.removeAttribute("aria-busy");
    } catch {
      canvas.remove();
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
