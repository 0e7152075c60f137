/** Points on a canvas: what is where, which is nearest, drawing. It knows nothing of items. */

const EDGE = 28; // pixels kept free around the points
const LINE = 17; // pixels between names, one below the other
const REACH = 14; // pixels from a point within which the pointer means it

/** A plane of points on a canvas; coordinates are CSS pixels. */
export class Plane {
  constructor(canvas, xs, ys) {
    this.canvas = canvas;
    this.xs = xs;
    this.ys = ys;
    this.zoom = 1;
    this.middle = [0.5, 0.5];
    this.bounds = boundsOf(xs, ys);
  }

  /** Follow the size of the canvas on the page and the density of the screen; returns whether there is room. */
  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const density = window.devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    const [columns, rows] = [Math.round(width * density), Math.round(height * density)];
    if (this.canvas.width !== columns || this.canvas.height !== rows) Object.assign(this.canvas, { width: columns, height: rows });
    this.context = this.canvas.getContext("2d");
    this.context.setTransform(density, 0, 0, density, 0, 0);
    return width > 0 && height > 0;
  }

  /** Where a point lies. */
  place(at) {
    return this.placeOf(this.xs[at], this.ys[at]);
  }

  /** Where coordinates of the plane lie. */
  placeOf(x, y) {
    const { left, bottom, width, height } = this.bounds;
    const u = ((x - left) / width - this.middle[0]) * this.zoom + 0.5;
    const v = ((y - bottom) / height - this.middle[1]) * this.zoom + 0.5;
    return [EDGE + u * (this.width - 2 * EDGE), this.height - EDGE - v * (this.height - 2 * EDGE)];
  }

  /** The point nearest to a place, -1 if none is within reach; `favoured` points win a tie with crowds. */
  nearest(x, y, favoured = []) {
    for (const some of [favoured, this.xs.keys()]) {
      let [best, distance] = [-1, REACH * REACH];
      for (const at of some) {
        const [px, py] = this.place(at);
        const away = (px - x) ** 2 + (py - y) ** 2;
        if (away < distance) [best, distance] = [at, away];
      }
      if (best >= 0) return best;
    }
    return -1;
  }

  /** The point nearest to the middle of the view. */
  nearestToMiddle() {
    let [best, distance] = [-1, Infinity];
    for (const at of this.xs.keys()) {
      const [px, py] = this.place(at);
      const away = Math.hypot(px - this.width / 2, py - this.height / 2);
      if (away < distance) [best, distance] = [at, away];
    }
    return best;
  }

  /** The nearest point in a direction (a unit step), within a quarter turn; -1 if there is none. */
  towards(from, dx, dy) {
    const [x, y] = this.place(from);
    let [best, cost] = [-1, Infinity];
    for (const at of this.xs.keys()) {
      const [px, py] = this.place(at);
      const along = (px - x) * dx + (py - y) * dy;
      const aside = Math.abs((px - x) * dy + (py - y) * dx);
      if (at === from || along <= 0.5 || aside > along) continue;
      const away = along + 2 * aside;
      if (away < cost) [best, cost] = [at, away];
    }
    return best;
  }

  /** Look closer (or further) at a point of the canvas. */
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const next = Math.min(Math.max(this.zoom * factor, 1), 24);
    const u = (x - EDGE) / (this.width - 2 * EDGE) - 0.5;
    const v = (this.height - EDGE - y) / (this.height - 2 * EDGE) - 0.5;
    this.middle = [this.middle[0] + u / this.zoom - u / next, this.middle[1] + v / this.zoom - v / next];
    this.zoom = next;
    this.hold();
  }

  /** Move by pixels. */
  moveBy(x, y) {
    this.middle = [
      this.middle[0] - x / (this.width - 2 * EDGE) / this.zoom,
      this.middle[1] + y / (this.height - 2 * EDGE) / this.zoom,
    ];
    this.hold();
  }

  /** Bring a point into view. */
  reveal(at) {
    const [x, y] = this.place(at);
    const out = (place, size) => (place < EDGE ? EDGE - place : place > size - EDGE ? size - EDGE - place : 0);
    this.moveBy(out(x, this.width), out(y, this.height));
  }

  /** Draw small points, all in one colour. */
  dots(places, radius, colour) {
    const { context } = this;
    context.fillStyle = colour;
    for (const at of places) {
      const [x, y] = this.place(at);
      if (x < -9 || y < -9 || x > this.width + 9 || y > this.height + 9) continue;
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.fill();
    }
  }

  /** Write a name at a place of the plane, with a seam that keeps it readable over points: beside the points `lit` where it can, and not
   * where it would lie on one of `taken`, the names that are there. */
  name(text, x, y, { colour, seam, font }, taken, lit = []) {
    const { context } = this;
    const [px, py] = this.placeOf(x, y);
    if (px < 0 || py < 0 || px > this.width || py > this.height) return;
    context.font = `600 13px ${font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 4;
    const half = context.measureText(text).width / 2 + 4;
    const at = Math.min(Math.max(px, half), this.width - half);
    const clear = (line) => !taken.some((other) => Math.abs(other.at - at) < other.half + half && Math.abs(other.line - line) < LINE);
    const beside = (line) => !lit.some((one) => { const [dx, dy] = this.place(one); return Math.abs(dx - at) < half + 6 && Math.abs(dy - line) < 13; });
    const lines = [0, -LINE, LINE, -2 * LINE, 2 * LINE].map((step) => py + step).filter((line) => line > LINE / 2 && line < this.height - LINE / 2);
    const line = clear(py) ? lines.find((one) => clear(one) && beside(one)) ?? py : undefined;
    if (line === undefined) return;
    taken.push({ at, line, half });
    context.strokeStyle = seam;
    context.strokeText(text, at, line);
    context.fillStyle = colour;
    context.fillText(text, at, line);
  }

  /** Draw a ring around a point. */
  ring(at, radius, colour, width = 2) {
    const [x, y] = this.place(at);
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.stroke();
  }

  /** Keep the view inside the points. */
  hold() {
    const margin = 0.5 / this.zoom;
    this.middle = this.middle.map((one) => Math.min(Math.max(one, margin), 1 - margin));
  }
}

function boundsOf(xs, ys) {
  const range = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [left, right] = range(xs);
  const [bottom, top] = range(ys);
  return { left, bottom, width: right - left || 1, height: top - bottom || 1 };
}
