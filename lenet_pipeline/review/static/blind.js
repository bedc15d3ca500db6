// Blind reading: show one picture after the other, and save what a person types. The next pictures are loaded
// ahead. The page never receives the model's reading or another person's answer.

import { allSaved, get, post } from "./api.js";
import { register } from "./keys.js";

const FEW = 2; // items ahead; with fewer, the next ones are requested
const SKIPPED = 100; // recent answers that the server may not list as answered yet
const POLL_MS = 4_000; // while other people hold the last items
const RENEW_MS = 120_000; // reservations end after five minutes

const PROMPTS = {
  field: "Type the digits that you see. Leave out crossed cells.",
  digit: "Type the digit that you see.",
};

const page = document.getElementById("reading");
const sample = page.dataset.sample;
const counts = document.getElementById("counts");
const prompt = document.getElementById("prompt");

const waiting = []; // items ahead, with their pictures
const given = []; // numbers of answered items, newest last
let current; // the item on screen
let last; // the item that was answered last
let signs = []; // digits and "?", a point and a minus
let special = null; // "" for blank, "X" for not a digit
let shownAt = 0;
let answered = Number(counts.dataset.answered);
let left = 0;
let loading;

/** Request more items; requests do not overlap. */
function refill() {
  loading ??= load().finally(() => (loading = undefined));
  return loading;
}

async function load() {
  const known = [current, ...waiting].filter(Boolean).map((item) => item.item_number);
  const skip = [...known, ...given.slice(-SKIPPED)];
  const before = given.length;
  const found = await get(`/api/blind/${sample}/items?skip=${skip.join(",")}`);
  left = found.left + known.length - (given.length - before); // without answers given meanwhile
  for (const item of found.items) {
    if (known.includes(item.item_number) || given.includes(item.item_number)) continue;
    const picture = new Image();
    picture.alt = item.kind === "field" ? `Field ${item.field}` : "Digit";
    picture.src = item.picture;
    waiting.push({ ...item, image: picture });
  }
}

async function showNext() {
  current = undefined;
  while (!waiting.length) {
    const isOlder = Boolean(loading); // a request from before the last answer
    await refill();
    if (!isOlder) break;
  }
  show(waiting.shift());
  if (waiting.length < FEW) refill().catch(() => {});
}

function show(item) {
  current = item;
  signs = [];
  special = null;
  page.hidden = !item;
  document.getElementById("done").hidden = Boolean(item);
  showCounts();
  if (!item) return showEnd();
  page.dataset.kind = item.kind;
  page.dataset.item = item.item_number;
  const name = document.createElement("b");
  name.textContent = item.kind === "field" ? item.field : "Digit";
  document.getElementById("item-name").replaceChildren(name, item.form ? ` · ${item.form}` : "");
  document.getElementById("picture").replaceChildren(item.image);
  shownAt = performance.now();
  showAnswer();
}

function showEnd() {
  document.getElementById("done-text").textContent = left
    ? `Other people are reading the last ${left === 1 ? "item" : `${left} items`}. This page continues when one is free.`
    : "You have answered every item that is open to you. Thank you.";
  if (left) setTimeout(() => !current && showNext().catch(() => {}), POLL_MS);
}

function showCounts() {
  const number = new Intl.NumberFormat("en");
  counts.textContent = `${number.format(answered)} answered · ${number.format(left)} left for you`;
}

function showAnswer(message = "", isAlarm = false) {
  const answer = document.getElementById("answer");
  const boxes = signs.map((sign) => {
    const box = document.createElement("span");
    box.textContent = sign;
    if (sign === "?") box.className = "sign-unreadable";
    return box;
  });
  if (special !== null) {
    const word = document.createElement("span");
    word.className = "word";
    word.textContent = special === "X" ? "not a digit" : "blank";
    boxes.push(word);
  } else {
    boxes.push(document.createElement("i"));
  }
  answer.replaceChildren(...boxes);
  prompt.textContent = message || (signs.length || special !== null ? "Enter saves." : PROMPTS[current.kind]);
  prompt.classList.toggle("alarm", isAlarm);
}

function type(sign) {
  special = null;
  signs = current.kind === "digit" ? [sign] : [...signs, sign].slice(0, 200);
  showAnswer();
}

function typeSeparator() {
  if (current.kind === "field" && signs.some((sign) => sign !== "-") && !signs.includes(".")) type(".");
}

function typeMinus() {
  if (current.kind === "field" && !signs.length) type("-");
}

function mark(answer) {
  signs = [];
  special = special === answer ? null : answer;
  showAnswer();
}

function removeLast() {
  special = null;
  signs.pop();
  showAnswer();
}

function save() {
  if ([".", "-"].includes(signs.at(-1))) return showAnswer("Type the digits that follow.", true);
  if (!signs.length && special === null) return showAnswer("Type what you see, or press b if it is blank.", true);
  const seconds = Math.round(performance.now() - shownAt) / 1000;
  const item = current;
  given.push(item.item_number);
  answered += 1;
  left = Math.max(0, left - 1);
  last = item;
  const answer = special ?? signs.join("");
  post(`/api/blind/${sample}/${item.item_number}`, { answer, seconds }).catch(() => {
    answered -= 1;
    showCounts();
  });
  showNext().catch(() => {});
}

async function takeBack() {
  if (!last) return showAnswer("There is no answer to take back.", true);
  const item = last;
  last = undefined;
  try {
    const { undone } = await post(`/api/blind/${sample}/${item.item_number}/undo`, {});
    if (!undone) return;
  } catch {
    if (current) showAnswer("Another person has answered it too, so your answer stays.");
    return;
  }
  given.splice(given.lastIndexOf(item.item_number), 1);
  answered -= 1;
  left += 1;
  if (current) waiting.unshift(current);
  show(item);
}

async function leave() {
  await allSaved();
  location.assign("/blind");
}

const isOpen = { when: () => Boolean(current) };
register([".", ","], "Decimal separator", () => typeSeparator(), isOpen);
register("-", "Minus", () => typeMinus(), isOpen);
for (const digit of "0123456789") register(digit, `Type ${digit}`, () => type(digit), { ...isOpen, repeats: true });
register("Enter", "Save", save, { ...isOpen, hint: true });
register("u", "Unreadable", () => type("?"), { ...isOpen, hint: true });
register("b", "Blank", () => mark(""), { ...isOpen, hint: true });
register("x", "Not a digit", () => mark("X"), { when: () => current?.kind === "digit" });
register("Backspace", "Delete the last character", removeLast, { ...isOpen, repeats: true });
register("z", "Take back", takeBack, { hint: true });
register("Escape", "Leave", leave, { hint: true });

for (const button of page.querySelectorAll("[data-key]")) {
  button.addEventListener("click", () => {
    button.blur();
    document.dispatchEvent(new KeyboardEvent("keydown", { key: button.dataset.key, bubbles: true }));
  });
}

setInterval(() => {
  if (current) get(`/api/blind/${sample}/items?skip=${given.slice(-SKIPPED).join(",")}`).catch(() => {});
}, RENEW_MS);

showNext().catch(() => {});
