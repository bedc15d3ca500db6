// Groups: a grid of digits that were read as the same digit. Mark the wrong ones, confirm the rest with Enter.
//
// The page holds the group on screen and up to two more, which the server reserves for the person. A digit
// stays with the page until its verdict is saved, so that the server does not send it twice.

import { allSaved, get, newUuid, post } from "./api.js";
import { register } from "./keys.js";

const AHEAD = 2;
const RENEW_MS = 60_000;
const NARROW_PX = 576;
const MOST_SECONDS = 24 * 3600;
const NAMES = { blank: "blank", not_a_digit: "not a digit", unreadable: "unreadable" };
const BADGES = { blank: "␣", not_a_digit: "✕", unreadable: "?!", wrong: "?" };

const element = (id) => document.getElementById(id);
const { run, label, open } = element("group").dataset;
const grid = element("grid");
const FINISHED = `finished-${run}-${open}`;

let shown = null; // {tiles, since, isLater}: the group on screen
let ready = []; // the groups that follow
let fetching = null;
let isEmpty = false; // the server has no more digits for this person
let left = null;
let hasMore = false;
let held = 0;
let later = []; // marked wrong, but nobody said what they are
const leftOpen = new Set(); // asked for once more, and still open
const saved = new Set();
const stale = new Set(); // saved, but still in the server's list
const unsaved = new Map(); // ids by batch
const batches = []; // what can be undone: {id, tiles, saved}
let done = 0;
let startedAt = 0;
let turns = 0;
let position = 0;
let columns = 1;

const idsOf = (tiles) => tiles.map((tile) => tile.digit_id);
const inHand = () => [
  ...(shown ? idsOf(shown.tiles) : []), ...ready.flatMap((group) => idsOf(group.tiles)), ...idsOf(later),
  ...leftOpen, ...stale, ...[...unsaved.values()].flat(),
];

// Fetch groups ahead.

async function fetchGroup() {
  const most = innerWidth < NARROW_PX ? 24 : 60;
  const query = new URLSearchParams({ run, label, open, most, skip: inHand().slice(0, 900).join(",") });
  const answer = await get(`/api/groups/next?${query}`);
  // The server may have read its list just before a verdict was saved.
  const tiles = answer.tiles.filter((tile) => !saved.has(tile.digit_id));
  for (const tile of answer.tiles) if (saved.has(tile.digit_id)) stale.add(tile.digit_id);
  left = answer.left - [...unsaved.values()].flat().length;
  hasMore = answer.has_more;
  held = answer.held;
  if (tiles.length) ready.push({ tiles });
  isEmpty = !answer.tiles.length;
}

function fill() {
  if (fetching || isEmpty || ready.length >= AHEAD) return fetching;
  fetching = fetchGroup()
    .catch((error) => {
      isEmpty = true;
      say(`The next digits cannot be fetched: ${error.message}. Reload the page to try again.`);
    })
    .finally(() => {
      fetching = null;
      if (shown) {
        showProgress();
        fill();
      }
    });
  return fetching;
}

async function next() {
  shown = null;
  const turn = ++turns;
  while (!ready.length && !isEmpty) await fill();
  if (turn !== turns) return; // meanwhile, an undone group is on screen
  if (!ready.length && later.length) {
    ready.push({ tiles: later, isLater: true });
    later = [];
  }
  if (ready.length) show(ready.shift());
  else showEnd();
  fill();
}

// Show a group.

function show(group) {
  turns += 1;
  sessionStorage.setItem(FINISHED, [...finishedGroups()].filter((each) => each !== label).join(""));
  shown = { ...group, since: performance.now() };
  startedAt ||= performance.now();
  position = 0;
  layOut();
  focusTile(0);
  showProgress();
  if (group.isLater) {
    say(`${count(group.tiles.length, "digit")} marked wrong. Type what each one is, or confirm to leave it open.`);
  } else if (!group.isAgain) {
    say("Mark the wrong ones, or type what they are. Enter confirms the rest.");
  }
  grid.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

/** Build the rows, as many columns wide as the screen shows. */
function layOut() {
  grid.classList.remove("leaving");
  const cells = shown.tiles.map((tile, index) => {
    const cell = document.createElement("div");
    cell.className = "cut";
    cell.setAttribute("role", "gridcell");
    cell.tabIndex = -1;
    cell.dataset.index = index;
    cell.dataset.digitId = tile.digit_id;
    const picture = document.createElement("img");
    picture.src = tile.picture;
    picture.alt = "";
    picture.draggable = false;
    const confidence = document.createElement("small");
    confidence.textContent = percent(tile.confidence);
    const verdict = document.createElement("span");
    verdict.className = "verdict";
    cell.append(picture, confidence, verdict);
    mark(cell, tile);
    return cell;
  });
  grid.replaceChildren();
  columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length || 1;
  for (let start = 0; start < cells.length; start += columns) {
    const row = document.createElement("div");
    row.setAttribute("role", "row");
    row.append(...cells.slice(start, start + columns));
    grid.append(row);
  }
  element("confirm").disabled = false;
}

function mark(cell, tile) {
  const isOther = tile.verdict !== undefined;
  cell.setAttribute("aria-selected", String(isOther));
  cell.querySelector(".verdict").textContent = isOther ? (BADGES[tile.verdict] ?? tile.verdict) : "";
  cell.setAttribute("aria-label", describe(tile));
}

function describe(tile) {
  const reading = `read as ${tile.label}, ${percent(tile.confidence)} sure`;
  if (tile.verdict === undefined) return reading;
  return tile.verdict === "wrong" ? `${reading}, wrong` : `${reading}, is ${NAMES[tile.verdict] ?? tile.verdict}`;
}

function percent(value) {
  return `${(Math.floor(value * 1000) / 10).toFixed(1)} %`;
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function say(text) {
  element("message").textContent = text;
}

function showProgress() {
  const minutes = startedAt ? (performance.now() - startedAt) / 60_000 : 0;
  const parts = [
    `${Math.max(0, left ?? 0).toLocaleString("en")}${hasMore ? " or more" : ""} left`,
    `${done.toLocaleString("en")} done in this session`,
  ];
  if (done && minutes > 0.05) parts.push(`${Math.round(done / minutes).toLocaleString("en")} a minute`);
  if (later.length) parts.push(`${later.length} wrong without a digit: asked for at the end`);
  if (held) parts.push(`others hold ${held}`);
  element("progress").textContent = parts.join(" · ");
  element("undo").disabled = !batches.length;
  const marked = shown ? shown.tiles.filter((tile) => tile.verdict !== undefined) : [];
  const unknown = marked.filter((tile) => tile.verdict === "wrong").length;
  const texts = shown ? [`Confirm ${shown.tiles.length - marked.length} as ${label}`] : ["Confirm"];
  if (marked.length > unknown) texts.push(`${marked.length - unknown} corrected`);
  if (unknown) texts.push(`${unknown} open`);
  element("confirm").textContent = texts.join(" · ");
}

function finishedGroups() {
  return new Set(sessionStorage.getItem(FINISHED) ?? "");
}

function showEnd() {
  shown = null;
  element("confirm").disabled = true;
  const links = [...document.querySelectorAll(".strip [data-label]")];
  const at = links.findIndex((link) => link.dataset.label === label);
  // The counts of the page may be older than this session's work.
  const finished = finishedGroups();
  if (!held) sessionStorage.setItem(FINISHED, [...finished.add(label)].join(""));
  const following = [...links.slice(at + 1), ...links.slice(0, at)].find(
    (link) => link.dataset.waiting !== "0" && !finished.has(link.dataset.label),
  );
  const end = document.createElement("div");
  end.className = "empty-group";
  const title = document.createElement("h2");
  title.textContent = held ? `Others hold the last ${count(held, "digit")}` : "This group is done";
  const text = document.createElement("p");
  text.textContent = held
    ? "They return here if they are not finished within five minutes."
    : open === "1" ? `No open digit read as ${label} is left.` : `No digit read as ${label} is left without a verdict.`;
  if (leftOpen.size) text.textContent += ` ${count(leftOpen.size, "digit")} marked wrong stay open in the queue.`;
  const links_ = document.createElement("p");
  const go = document.createElement("a");
  go.className = "button main";
  go.id = "onward";
  go.href = following ? following.href : "/";
  go.textContent = following ? `Next group: ${following.dataset.label}` : "Back to the queues";
  links_.append(go);
  end.append(title, text, links_);
  grid.replaceChildren(end);
  element("focused").textContent = "";
  say(title.textContent);
  showProgress();
  go.focus();
}

// Move and mark.

function focusTile(index) {
  const cells = grid.querySelectorAll(".cut");
  if (!cells.length) return;
  const last = grid.querySelector('.cut[tabindex="0"]');
  if (last) last.tabIndex = -1;
  position = Math.min(Math.max(index, 0), cells.length - 1);
  cells[position].tabIndex = 0;
  cells[position].focus({ preventScroll: false });
  element("focused").textContent = `Digit ${position + 1} of ${cells.length}: ${describe(shown.tiles[position])}`;
}

function setVerdict(verdict) {
  const tile = shown.tiles[position];
  if (verdict === undefined || verdict === label) delete tile.verdict;
  else tile.verdict = verdict;
  mark(grid.querySelectorAll(".cut")[position], tile);
  element("focused").textContent = `Digit ${position + 1} of ${shown.tiles.length}: ${describe(tile)}`;
  showProgress();
}

function toggle() {
  setVerdict(shown.tiles[position].verdict === undefined ? "wrong" : undefined);
}

// Save and undo.

function confirm() {
  const { tiles, since, isLater } = shown;
  const judged = tiles.filter((tile) => tile.verdict !== "wrong");
  const unknown = tiles.filter((tile) => tile.verdict === "wrong");
  if (isLater) for (const tile of unknown) leftOpen.add(tile.digit_id);
  else later.push(...unknown);
  const batch = { id: newUuid(), tiles, judged, isLater };
  batches.push(batch);
  done += judged.length;
  left -= judged.length;
  if (judged.length) {
    unsaved.set(batch.id, idsOf(judged));
    const seconds = Math.min((performance.now() - since) / 1000, MOST_SECONDS);
    const digits = judged.map(({ digit_id, shard_score_id, verdict }) => ({
      digit_id, shard_score_id, verdict: verdict ?? label,
    }));
    post("/api/verdicts", { batch_id: batch.id, mode: "groups", seconds, digits }).then(
      ({ recorded }) => {
        batch.isSaved = true;
        const others = judged.length - recorded;
        if (recorded && others) say(`${count(others, "digit")} had a verdict of another person meanwhile, which stays.`);
        for (const id of unsaved.get(batch.id) ?? []) saved.add(id);
        unsaved.delete(batch.id);
      },
      (error) => takeBack(batch, `This group was not saved: ${error.message}`),
    );
  }
  grid.classList.add("leaving");
  next();
}

/** Return a refused batch to the screen; nothing that a person decided is lost. */
function takeBack(batch, reason) {
  unsaved.delete(batch.id);
  batches.splice(batches.indexOf(batch), 1);
  restore(batch);
  say(reason);
}

function undo() {
  const batch = batches.pop();
  if (!batch) return;
  if (batch.judged.length) {
    post("/api/undo", { undone_batch_id: batch.id }).then(
      () => {
        unsaved.delete(batch.id);
        for (const tile of batch.judged) {
          saved.delete(tile.digit_id);
          stale.delete(tile.digit_id);
        }
        renew();
      },
      (error) => say(`Not undone: ${error.message}. The verdicts still count.`),
    );
  }
  restore(batch);
  say(`Undone: ${count(batch.judged.length, "verdict")}. Enter saves again.`);
}

function restore(batch) {
  const ids = new Set(idsOf(batch.tiles));
  later = later.filter((tile) => !ids.has(tile.digit_id));
  for (const id of ids) leftOpen.delete(id);
  done -= batch.judged.length;
  left += batch.judged.length;
  if (shown) ready.unshift(shown);
  isEmpty = false;
  show({ tiles: batch.tiles, isLater: batch.isLater, isAgain: true });
}

/** Hold the digits of this page for longer; digits that someone else has taken leave the page. */
async function renew() {
  const items = inHand().slice(0, 500);
  if (!items.length) return;
  const { lost } = await post("/api/renew", { items });
  if (!lost.length) return;
  const gone = new Set(lost);
  const kept = (group) => ({ ...group, tiles: group.tiles.filter((tile) => !gone.has(tile.digit_id)) });
  ready = ready.map(kept).filter((group) => group.tiles.length);
  later = later.filter((tile) => !gone.has(tile.digit_id));
  if (shown?.tiles.some((tile) => gone.has(tile.digit_id))) {
    const group = kept(shown);
    say(`${count(lost.length, "digit")} went to another person, because this page was idle.`);
    if (group.tiles.length) show({ ...group, isAgain: true });
    else next();
  }
}

async function leave() {
  await allSaved();
  location.href = "/";
}

// Keys and clicks.

const hasTiles = () => shown !== null;
const moving = { repeats: true, when: hasTiles };
register("Enter", "Confirm the rest", confirm, { hint: true, when: hasTiles });
register([" ", "x", "X"], "Wrong", toggle, { hint: true, when: hasTiles });
register([..."0123456789"], "What the digit really is", (event) => setVerdict(event.key), { when: hasTiles });
register("b", "The cell is blank", () => setVerdict("blank"), { when: hasTiles });
register("n", "Not a digit", () => setVerdict("not_a_digit"), { when: hasTiles });
register("u", "Unreadable", () => setVerdict("unreadable"), { when: hasTiles });
register(["Backspace", "z", "Ctrl+z"], "Undo", undo, { hint: true, when: () => batches.length > 0 });
register("ArrowRight", "Next digit", () => focusTile(position + 1), moving);
register("ArrowLeft", "Previous digit", () => focusTile(position - 1), moving);
register("ArrowDown", "Digit below", () => focusTile(position + columns < shown.tiles.length ? position + columns : position), moving);
register("ArrowUp", "Digit above", () => focusTile(position - columns >= 0 ? position - columns : position), moving);
register("Home", "First digit", () => focusTile(0), moving);
register("End", "Last digit", () => focusTile(shown.tiles.length - 1), moving);
register("a", "Show or hide the digits that a policy accepts", () => element("toggle-open").click());
register("Escape", "Queues", leave, { hint: true });

grid.addEventListener("click", (event) => {
  const cell = event.target.closest(".cut");
  if (!cell) return;
  focusTile(Number(cell.dataset.index));
  toggle();
});
element("confirm").addEventListener("click", confirm);
element("undo").addEventListener("click", undo);
addEventListener("resize", () => {
  if (!shown) return;
  const wanted = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  if (wanted === columns) return;
  const kept = position;
  layOut();
  focusTile(kept);
});
setInterval(renew, RENEW_MS);
next();
