// The list of documents by keyboard: j and k walk through the rows, / searches, n and p turn the page.

import { register } from "./keys.js";

const links = [...document.querySelectorAll(".documents .file a")];

function step(by) {
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(at < 0 ? 0 : at + by, links.length - 1))]?.focus();
}

register(["j", "ArrowDown"], "Next document", () => step(1), { hint: true, repeats: true });
register(["k", "ArrowUp"], "Previous document", () => step(-1), { repeats: true });
register("/", "Search", () => document.getElementById("q").focus(), { hint: true });
register("n", "Next part of the list", () => document.getElementById("next")?.click());
register("p", "Previous part of the list", () => document.getElementById("previous")?.click());
register("Escape", "Back to the queues", () => location.assign("/"));
links[0]?.focus();
