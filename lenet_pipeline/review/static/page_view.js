// A page with the boxes of its fields: over the picture of the scan, or else over a white page.

import { make, place } from "./dom.js";

/**
 * Return a page. `page` is a record of the server with width, height, pictures and boxes.
 *
 * Options: `size` of the picture, "small" or "large"; `current` is the id of an outlined field; `fill` returns
 * what to show in a box if there is no scan.
 */
export function drawPage(page, { size = "small", current = null, fill = null } = {}) {
  const sheet = make("div", { class: `sheet ${size}` });
  sheet.style.aspectRatio = `${page.width} / ${page.height}`;
  const address = page.pictures[size];
  if (address) sheet.append(make("img", { class: "scan", src: address, alt: "", decoding: "async" }));
  for (const { field_id: id, field, box } of page.boxes) {
    if (!address && fill) sheet.append(fill(id, page));
    if (address && current && id !== current) continue;
    const outline = make("span", { class: id === current ? "outline current" : "outline", title: field });
    sheet.append(place(outline, box, page));
  }
  return sheet;
}
