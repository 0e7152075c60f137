/** Making elements. Text only ever enters the page as text: there is no way to pass markup. */

/**
 * Make an element.
 *
 * `attributes` hold attributes (false, null and undefined leave one out, true sets it empty), `on` an object of listeners.
 * Children are nodes or texts; null and false are left out.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  set(node, attributes);
  add(node, children);
  return node;
}

/** Replace what a node holds. */
export function fill(node, ...children) {
  node.replaceChildren();
  add(node, children);
  return node;
}

/** Make an inline picture from a path of SVG; it is decoration, names come from the element around it. */
export function icon(path, size = 16) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true", class: "icon" })) {
    svg.setAttribute(name, value);
  }
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

export const CROSS = "M4 4l8 8M12 4l-8 8";
export const PLUS = "M8 3v10M3 8h10";
export const DOWN = "M4 6l4 4 4-4";

/** A name for elements that refer to each other. */
export function newId(stem) {
  made += 1;
  return `${stem}-${made}`;
}

let made = 0;

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (name === "style") {
      throw new Error("the page's policy forbids style attributes; use a class or the style object");
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

function add(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}
