// The queues: keys to move and open, and fresh counts while the page is open.

import { register } from "./keys.js";

const REFRESH_MS = 5_000;
const CHORD_MS = 2_500;

const all = () => [...document.querySelectorAll("[data-queue]")];
let groupUntil = 0;

function move(step) {
  const links = all();
  const at = links.indexOf(document.activeElement);
  links.at(at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1))?.focus();
}

function openGroup(event) {
  groupUntil = 0;
  const run = document.activeElement.closest("[data-run]") ?? document.querySelector("[data-run]");
  const link = run?.querySelector(`[data-label="${event.key}"]`);
  if (link) location.href = link.href;
}

register(["ArrowDown", "j", "ArrowRight"], "Next queue", () => move(1), { hint: true, repeats: true });
register(["ArrowUp", "k", "ArrowLeft"], "Previous queue", () => move(-1), { repeats: true });
register("Enter", "Open", () => document.activeElement.matches("[data-queue]") && document.activeElement.click(), { hint: true });
register("g", "and a digit: its group", () => { groupUntil = Date.now() + CHORD_MS; }, { hint: true });
register([..."0123456789"], "After g: open this group", openGroup, { when: () => Date.now() < groupUntil });

/** Replace the counts by newer ones, and keep the focus on the same queue. */
async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch(location.href, { credentials: "same-origin" });
    if (!response.ok || response.redirected) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const [fresh, shown] = [page.getElementById("queues"), document.getElementById("queues")];
    if (!fresh || fresh.dataset.countedAt === shown.dataset.countedAt) return;
    const focused = document.activeElement.matches("[data-queue]") ? document.activeElement.getAttribute("href") : null;
    shown.replaceWith(document.adoptNode(fresh));
    all().find((link) => link.getAttribute("href") === focused)?.focus();
  } catch {
    // The server cannot be reached; the counts on the page say when they were made.
  }
}

move(0);
setTimeout(refresh, 1_000);
setInterval(refresh, REFRESH_MS);
