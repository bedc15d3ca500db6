// Walk through a queue of fields. The next ones are fetched ahead, so that they appear at once.

import { allSaved, ask, get, newUuid, post } from "./api.js";
import { make } from "./dom.js";
import { FieldEditor } from "./field_editor.js";
import { register } from "./keys.js";
import { drawPage } from "./page_view.js";

const FETCHED = 5;
const RENEW_EVERY_MS = 60_000;
const LONGEST_S = 600; // a longer pause is no work
const MOST_SKIPPED = 500;

const work = document.getElementById("work");
const empty = document.getElementById("empty");
const query = new URLSearchParams(location.search);
const editor = new FieldEditor(document.getElementById("editor"), { onAccept: accept });

const ahead = []; // records that are fetched and reserved
const done = []; // records that were shown before, the newest last: { record, batch_id or null }
const pages = {};
const skipped = new Set();
const deciding = new Set(); // ids whose verdict is on its way
let current = null;
let shownAt = 0;
let fetching = null;
let waiting = 0;

async function fetchAhead() {
  const skip = [...skipped, ...ahead.map((one) => one.field_id), ...deciding];
  if (current) skip.push(current.field_id);
  const asked = new URLSearchParams();
  for (const name of ["run", "form", "field", "reason"]) if (query.get(name)) asked.set(name, query.get(name));
  asked.set("most", FETCHED);
  asked.set("skip", skip.slice(-MOST_SKIPPED).join(","));
  const found = await get(`/api/fields/next?${asked}`);
  Object.assign(pages, found.pages);
  waiting = found.waiting;
  const known = new Set([...ahead.map((one) => one.field_id), ...deciding, current?.field_id]);
  ahead.push(...found.fields.filter((one) => !known.has(one.field_id)));
  for (const one of found.fields) new Image().src = pages[one.page_id].pictures.small ?? one.picture;
  showCount();
}

function refill() {
  if (fetching || ahead.length >= FETCHED) return fetching ?? Promise.resolve();
  fetching = fetchAhead().catch(() => {}).finally(() => {
    fetching = null;
  });
  return fetching;
}

async function next() {
  current = null;
  if (!ahead.length) {
    work.ariaBusy = "true";
    await refill();
    if (!ahead.length) {
      await allSaved();
      await refill();
    }
    work.ariaBusy = null;
  }
  const record = ahead.shift();
  if (record) show(record);
  else showEmpty();
  refill();
}

function show(record) {
  current = record;
  shownAt = performance.now();
  work.hidden = false;
  empty.hidden = true;
  work.dataset.fieldId = record.field_id;
  const page = pages[record.page_id];
  document.getElementById("field-name").textContent = record.field;
  const source = document.getElementById("field-source");
  source.replaceChildren(
    make("span", {}, record.form), " · ", make("b", {}, record.name), `, page ${record.page}`,
  );
  source.title = record.source;
  document.getElementById("place").replaceChildren(drawPage(page, { current: record.field_id }));
  const problem = document.getElementById("place-problem");
  problem.textContent = page.problem ? `${page.problem} The boxes show where the fields are.` : "";
  problem.hidden = !page.problem;
  editor.show(record);
  editor.focus();
  showCount();
}

function showEmpty() {
  work.hidden = true;
  empty.hidden = false;
  const left = skipped.size;
  document.getElementById("empty-text").textContent = left
    ? `You have skipped ${left} ${left === 1 ? "field" : "fields"}. Press PageDown to see ${left === 1 ? "it" : "them"} again.`
    : "Nothing waits in this queue, or other people hold the rest.";
  document.getElementById("main").focus();
  showCount();
}

function showCount() {
  const left = Math.max(0, waiting - deciding.size);
  const held = work.hidden ? 0 : 1;
  document.getElementById("count").textContent = `${Math.max(left, held).toLocaleString("en")} waiting`;
}

async function accept(record, signs) {
  const batch = newUuid();
  const seconds = Math.min(LONGEST_S, (performance.now() - shownAt) / 1000);
  deciding.add(record.field_id);
  skipped.delete(record.field_id);
  const entry = { record: { ...record, signs }, batch };
  done.push(entry);
  const saved = post("/api/verdicts", {
    batch_id: batch, mode: "fields", seconds, fields: [{ field_id: record.field_id, signs }],
  });
  next();
  try {
    const answer = await saved;
    Object.assign(entry.record, answer.fields[0]);
    waiting -= 1;
  } catch {
    done.splice(done.indexOf(entry), 1);
    ahead.unshift({ ...record, signs });
    if (!current) next();
  } finally {
    deciding.delete(record.field_id);
    showCount();
  }
}

function skip() {
  if (current) {
    skipped.add(current.field_id);
    done.push({ record: current, batch: null });
  } else {
    skipped.clear();
  }
  next();
}

function previous() {
  const entry = done.pop();
  if (!entry) return;
  if (current) ahead.unshift(current);
  showAgain(entry.record.field_id, entry.record);
}

async function undo() {
  const at = done.findLastIndex((entry) => entry.batch);
  if (at < 0) return;
  const [entry] = done.splice(at, 1);
  await post("/api/undo", { undone_batch_id: entry.batch });
  if (current) ahead.unshift(current);
  await showAgain(entry.record.field_id, entry.record);
}

/** Show a field with its verdicts as the server has them now. */
async function showAgain(id, known) {
  current = known;
  const index = ahead.findIndex((one) => one.field_id === id);
  if (index >= 0) ahead.splice(index, 1);
  await allSaved();
  const found = await get(`/api/fields/${id}`);
  Object.assign(pages, found.pages);
  show(found.fields[0]);
}

async function renew() {
  const items = [...ahead, current].filter(Boolean).map((one) => one.field_id);
  if (!items.length) return;
  const { lost } = await ask("/api/renew", { items });
  for (const id of lost) {
    const index = ahead.findIndex((one) => one.field_id === id);
    if (index >= 0) ahead.splice(index, 1);
  }
  if (current && lost.includes(current.field_id)) next();
}

editor.registerKeys();
register(["Tab", "PageDown"], "Skip this field for now", skip, { hint: true, when: () => editor.hasFocus() });
register("PageUp", "Previous field", previous);
register("z", "Undo", undo, { hint: true });
register("d", "Open the document", () => current && location.assign(`/documents/${current.page_id}?field=${current.field_id}`), { hint: true });
register("Escape", "Back to the queues", () => location.assign("/"));
setInterval(() => renew().catch(() => {}), RENEW_EVERY_MS);
next();
