// Build elements. Texts are never parsed as HTML.

/**
 * Return a new element: `make("p", { class: "note", title: "..." }, "text", child)`.
 * Properties that begin with "on" are listeners; null and false leave an attribute out.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Place an element by shares of its parent; `box` is in the units of `frame`, which has width and height. */
export function place(element, box, frame) {
  const share = (value, whole) => `${(100 * value) / whole}%`;
  element.style.left = share(box.x - (frame.x ?? 0), frame.width);
  element.style.top = share(box.y - (frame.y ?? 0), frame.height);
  element.style.width = share(box.width, frame.width);
  element.style.height = share(box.height, frame.height);
  return element;
}
