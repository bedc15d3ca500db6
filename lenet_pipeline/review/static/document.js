// One page of a document: all readings on it, and the editor of the selected field.

import { allSaved, ask, get, newUuid, post } from "./api.js";
import { make, place } from "./dom.js";
import { FieldEditor } from "./field_editor.js";
import { register } from "./keys.js";
import { drawPage } from "./page_view.js";

const RENEW_EVERY_MS = 60_000;
const LONGEST_S = 600;
const STATES = {
  accept: { sign: "✓", text: "accepted" },
  review: { sign: "!", text: "waiting" },
  reviewed: { sign: "●", text: "reviewed" },
  blank: { sign: "–", text: "blank" },
};
const GAP_PX = 4;

const root = document.getElementById("document");
const readings = document.getElementById("readings");
const sheetPlace = document.getElementById("sheet");
const { pageId, query } = root.dataset;
const editor = new FieldEditor(document.getElementById("editor"), { onAccept: accept });
const batches = []; // ids of verdicts that can be undone: { batch, field_id }
let page = null;
let selected = new URLSearchParams(location.search).get("field");
let shownAt = performance.now();
let sheet = null;
let saving = 0; // verdicts on their way

async function load() {
  const address = `/api/documents/${pageId}`;
  page = page ? { ...page, ...(await get(`${address}?again=1`)) } : await get(`${address}${query}`);
  root.hidden = false;
  const problem = document.getElementById("place-problem");
  problem.textContent = page.problem ? `${page.problem} The page shows the stored pictures of its fields.` : "";
  problem.hidden = !page.problem;
  sheet = drawPage(page, { size: "large", fill: storedPicture });
  for (const outline of sheet.querySelectorAll(".outline")) outline.remove();
  sheet.append(...page.fields.map(outlineOf));
  sheetPlace.replaceChildren(sheet);
  readings.replaceChildren(...page.fields.map(readingOf));
  const waiting = page.fields.filter((one) => one.decision === "review").length;
  const at = page.place ? `document ${page.place} of ${page.found} · ` : "";
  document.getElementById("count").textContent = `${at}${waiting} waiting`;
  layOut();
}

function storedPicture(id, frame) {
  const record = page.fields.find((one) => one.field_id === id);
  const picture = make("img", { class: "stored", src: record.picture, alt: "" });
  return place(picture, record.picture_box, frame);
}

function stateOf(record) {
  return STATES[record.decision] ?? STATES.review;
}

function outlineOf(record) {
  const state = stateOf(record);
  const box = make("button", {
    type: "button", class: `reading ${record.decision}`, tabindex: "-1", "data-field": record.field,
    "data-field-id": record.field_id, title: `${record.field}: ${record.value ?? "no value"}, ${state.text}`,
    "aria-label": `${record.field}, ${state.text}`, onclick: () => select(record.field_id),
  });
  return place(box, record.box, page);
}

function readingOf(record) {
  const state = stateOf(record);
  return make(
    "li",
    {
      class: record.decision, "data-field": record.field, "data-field-id": record.field_id,
      onclick: () => select(record.field_id),
    },
    make("span", { class: "sign", title: state.text }, state.sign),
    make("span", { class: "name" }, record.field),
    make("b", { class: "value" }, record.value ?? (record.status === "blank" ? "blank" : (record.value_read ?? "–"))),
    make("span", { class: "unseen" }, state.text),
  );
}

/** On wide windows, put each reading next to the page at the height of its field. */
function layOut() {
  if (!sheet) return;
  const isBeside = getComputedStyle(readings).position === "relative";
  let least = 0;
  const scale = sheet.clientHeight / page.height;
  const order = [...page.fields].sort((one, other) => one.box.y - other.box.y || one.box.x - other.box.x);
  readings.style.height = isBeside ? `${sheet.clientHeight}px` : "";
  for (const record of order) {
    const item = readings.querySelector(`[data-field-id="${record.field_id}"]`);
    const wanted = (record.box.y + record.box.height / 2) * scale - item.offsetHeight / 2;
    const top = Math.max(least, wanted);
    item.style.top = isBeside ? `${top}px` : "";
    least = top + item.offsetHeight + GAP_PX;
  }
}

function select(id, isKept = false) {
  const record = page.fields.find((one) => one.field_id === id) ?? page.fields[0];
  selected = record.field_id;
  if (!isKept) shownAt = performance.now();
  mark();
  document.getElementById("field-name").textContent = record.field;
  const state = document.getElementById("field-state");
  state.replaceChildren(make("span", { class: "sign" }, stateOf(record).sign), ` ${stateOf(record).text}`);
  state.className = `state ${record.decision}`;
  editor.show(record, { isLocked: record.is_held_by_other });
  editor.focus();
  sheet.querySelector("[data-current]").scrollIntoView({ block: "nearest" });
}

function mark() {
  for (const one of root.querySelectorAll("[data-field-id]")) {
    one.toggleAttribute("data-current", one.dataset.fieldId === selected);
  }
}

function step(by) {
  const at = page.fields.findIndex((one) => one.field_id === selected);
  const count = page.fields.length;
  select(page.fields[(at + by + count) % count].field_id);
}

/** Select the next field that waits after a field, or the next one. */
function advance(id) {
  const at = page.fields.findIndex((one) => one.field_id === id);
  const later = [...page.fields.slice(at + 1), ...page.fields.slice(0, at)];
  select((later.find((one) => one.decision === "review") ?? page.fields[at]).field_id);
}

/** Save a value and go on at once; the page shows the server's final values when they arrive. */
async function accept(record, signs) {
  const batch = newUuid();
  const seconds = Math.min(LONGEST_S, (performance.now() - shownAt) / 1000);
  const id = record.field_id;
  batches.push({ batch, field_id: id });
  saving += 1;
  const saved = post("/api/verdicts", { batch_id: batch, mode: "documents", seconds, fields: [{ field_id: id, signs }] });
  Object.assign(record, { signs, decision: "reviewed" });
  advance(id);
  try {
    await saved;
  } catch {
    batches.splice(batches.findIndex((one) => one.batch === batch), 1);
  } finally {
    saving -= 1;
  }
  if (saving) return; // a later verdict shows the page
  await load();
  refresh();
}

/** Show the selected field as the server has it now, unless the person has begun to change it. */
function refresh() {
  const { signs, record, cursor } = editor;
  const isTouched = signs.length !== record.signs.length || signs.some((sign, at) => sign !== record.signs[at]);
  if (isTouched) {
    mark();
    return;
  }
  select(selected, true);
  editor.cursor = Math.min(cursor, editor.last());
  editor.draw();
}

async function undo() {
  const last = batches.pop();
  if (!last) return;
  await post("/api/undo", { undone_batch_id: last.batch });
  await load();
  select(last.field_id);
}

async function turn(to) {
  if (!to) return;
  await allSaved();
  location.assign(`/documents/${to}${query}`);
}

async function renew() {
  const items = page.fields.filter((one) => one.decision === "review" && !one.is_held_by_other).map((one) => one.field_id);
  if (items.length) await ask("/api/renew", { items });
}

editor.registerKeys();
register(["Tab", "ArrowDown", "j"], "Next field", () => step(1), { hint: true, repeats: true, when: () => page && editor.hasFocus() });
register(["ArrowUp", "k"], "Previous field", () => step(-1), { repeats: true, when: () => page !== null });
register(["n", "PageDown"], "Next document", () => turn(page.next), { hint: true, when: () => page !== null });
register(["p", "PageUp"], "Previous document", () => turn(page.previous), { when: () => page !== null });
register("z", "Undo", undo, { hint: true });
register("Escape", "Back to the list", () => location.assign(`/documents${query}`));
new ResizeObserver(layOut).observe(sheetPlace);
setInterval(() => renew().catch(() => {}), RENEW_EVERY_MS);
load().then(() => select(selected ?? page.fields.find((one) => one.decision === "review")?.field_id));
