// Keys of a page: each is registered once with an action and a label. `?` lists them.
//
//   import { register } from "./keys.js";
//   register("Enter", "Accept the value", accept, { hint: true });
//   register(["ArrowLeft", "k"], "Previous field", previous);
//
// A key is the `key` of a KeyboardEvent: "a", "A" (with Shift), "7", "Enter", "ArrowDown", " ", "Escape".
// "Ctrl+z" also matches the Command key of a Mac. "Tab" does not match Shift+Tab, which always leaves a page's
// own order of keys.

const NAMES = {
  ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc",
};
const TYPING = "input:not([type=button], [type=checkbox], [type=radio], [type=submit]), textarea, select, [contenteditable]";
const ACTIVATED = "a[href], button, summary, input, select, textarea";

const entries = [];

/**
 * Register a key, or several keys for the same action.
 *
 * Options: `hint` shows the key at the bottom of the page; `whileTyping` also acts in text fields, and on
 * Enter and Space when a button or link has the focus; `repeats` also acts while the key is held down;
 * `when` is a function that turns the entry off while it returns false.
 * Returns a function that removes the entry.
 */
export function register(keys, label, action, options = {}) {
  const entry = { keys: [keys].flat(), label, action, ...options };
  entries.push(entry);
  showHints();
  return () => {
    entries.splice(entries.indexOf(entry), 1);
    showHints();
  };
}

function keyOf(event) {
  const shift = event.key === "Tab" && event.shiftKey ? "Shift+" : "";
  return (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + shift + event.key;
}

function isActive(entry, event) {
  if (!entry.keys.includes(keyOf(event)) || (event.repeat && !entry.repeats)) return false;
  if (entry.when && !entry.when()) return false;
  if (entry.whileTyping) return true;
  const target = event.target;
  if (!(target instanceof Element)) return true;
  if (target.closest(TYPING)) return false;
  return !([" ", "Enter"].includes(event.key) && target.closest(ACTIVATED));
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const dialog = document.querySelector("dialog[open]");
  if (dialog) {
    if (dialog.id === "key-help" && event.key === "?") dialog.close();
    return;
  }
  const entry = entries.find((one) => isActive(one, event));
  if (!entry) return;
  event.preventDefault();
  entry.action(event);
});

function namedKeys(entry) {
  return entry.keys.flatMap((key, index) => {
    const shown = document.createElement("kbd");
    shown.textContent = NAMES[key] ?? key;
    return index ? [" ", shown] : [shown];
  });
}

function showHints() {
  const hints = document.getElementById("key-hints");
  for (const old of hints.querySelectorAll("[data-key-hint]")) old.remove();
  for (const entry of entries.filter((one) => one.hint)) {
    const hint = document.createElement("span");
    hint.dataset.keyHint = "";
    hint.append(...namedKeys({ keys: entry.keys.slice(0, 1) }), " ", entry.label);
    hints.append(hint);
  }
}

function showHelp() {
  const dialog = document.getElementById("key-help");
  dialog.querySelector(".keys").replaceChildren(
    ...entries.flatMap((entry) => {
      const term = document.createElement("dt");
      const meaning = document.createElement("dd");
      term.append(...namedKeys(entry));
      meaning.textContent = entry.label;
      return [term, meaning];
    }),
  );
  dialog.showModal();
}

register("?", "List the keys", showHelp, { hint: true });
