// The editor of one field: its picture, one slot for each cell, and the rules, checked while a person types.
//
//   const editor = new FieldEditor(element, { onAccept });
//   editor.registerKeys();
//   editor.show(record);          // a record of /api/fields/next
//   editor.signs                  // ["4", "", "X", "?"]; null is a cell that a person must decide first
//
// Digits overwrite the current cell and move right. A box without dividers is one line of characters. A decimal
// point is a sign of its own between two cells; a minus is one left of a line, or the sign of a cell.

import { ask } from "./api.js";
import { make } from "./dom.js";
import { register } from "./keys.js";

const CHECK_AFTER_MS = 60;
const NARROWEST_SLOT_PX = 24; // narrower cells are not aligned with the picture
const HIGHEST_PICTURE_REM = 12;
const DOUBTS = {
  refused: { sign: "!", text: "probably not a digit" },
  unsure: { sign: "?", text: "unsure" },
  corrected: { sign: "≠", text: "corrected by a rule" },
  gap: { sign: "▯", text: "between two digits" },
};
const RULE_STATES = {
  kept: { sign: "✓", text: "holds" },
  broken: { sign: "✕", text: "broken" },
  open: { sign: "…", text: "not checked yet" },
};
const CHECKSUMS = ["luhn", "mod-11-10", "mod-97-10", "verhoeff", "weighted-mod-11"];
const SHOWN = { "": "", X: "✕", "?": "?", "-": "−" };
const SPOKEN = { "": "blank", X: "not a digit", "?": "unreadable", ".": "point", "-": "minus" };

export class FieldEditor {
  constructor(root, { onAccept = () => {}, onChange = () => {} } = {}) {
    this.root = root;
    this.onAccept = onAccept;
    this.onChange = onChange;
    this.record = null;
    this.signs = [];
    this.cursor = 0;
    this.latest = 0;
    this.isLocked = false;
    this.parts = {
      picture: make("img", { class: "field-picture", alt: "" }),
      slots: make("div", {
        class: "slots", role: "textbox", tabindex: "0", "aria-describedby": "field-keys",
        onpointerdown: (event) => this.point(event),
      }),
      notice: make("p", { class: "notice", hidden: true }),
      rules: make("ul", { class: "rules", "aria-label": "Rules" }),
      reasons: make("ul", { class: "reasons" }),
      values: make("dl", { class: "values" }),
      verdicts: make("ol", { class: "verdicts" }),
      pad: this.makePad(),
    };
    const { picture, slots, notice, rules, reasons, values, verdicts, pad } = this.parts;
    this.strip = make("div", { class: "strip" }, picture, slots);
    this.history = make("details", { class: "history" }, make("summary", {}, "Verdicts so far"), verdicts);
    this.live = make("p", { class: "unseen", "aria-live": "polite" });
    root.replaceChildren(
      make("div", { class: "why" }, make("h2", {}, "Why it waits"), reasons),
      this.strip,
      notice,
      make("p", { class: "unseen", id: "field-keys" }, "Digits overwrite the cell. Space is blank, X crossed, U unreadable."),
      pad,
      make("div", { class: "facts" }, make("div", {}, make("h2", {}, "Rules"), rules), make("div", {}, make("h2", {}, "Value"), values)),
      this.history,
      this.live,
    );
    new ResizeObserver(() => this.align()).observe(this.strip);
  }

  /** Show a field. `isLocked` only shows it. */
  show(record, { isLocked = false } = {}) {
    this.record = record;
    this.isLocked = isLocked;
    this.signs = [...record.signs];
    this.cursor = Math.max(0, this.firstDoubt());
    const { picture, slots, reasons, values, verdicts } = this.parts;
    const { width, height } = record.picture_box;
    this.strip.style.maxWidth = `min(46rem, ${(HIGHEST_PICTURE_REM * width) / height}rem)`;
    picture.style.aspectRatio = `${width} / ${height}`;
    picture.src = record.picture;
    picture.alt = `Picture of the field ${record.field}`;
    slots.setAttribute("aria-label", `Value of the field ${record.field}`);
    slots.classList.toggle("line", record.is_line);
    this.separatorKey.hidden = !record.has_separator;
    this.minusKey.hidden = !record.has_minus;
    reasons.replaceChildren(...record.reasons.map((reason) => make("li", {}, reason)));
    reasons.parentElement.hidden = !record.reasons.length;
    values.replaceChildren(...valuesOf(record));
    verdicts.replaceChildren(...record.verdicts.map(verdictOf));
    this.history.hidden = !record.verdicts.length;
    this.showNotice(isLocked ? "Another person holds this field." : "");
    this.drawRules(record.rules);
    this.draw();
    this.latest += 1;
  }

  focus() {
    this.parts.slots.focus({ preventScroll: true });
  }

  /** Whether the focus is in the editor, or nowhere. */
  hasFocus() {
    const focused = document.activeElement;
    return !focused || focused === document.body || focused.id === "main" || this.root.contains(focused);
  }

  registerKeys() {
    const free = { when: () => this.record !== null && !this.isLocked };
    register("Enter", "Accept", () => this.accept(), { ...free, hint: true });
    register([..."0123456789"], "Overwrite the cell", (event) => this.type(event.key), { ...free, repeats: true });
    register([" ", "Delete"], "Blank", () => this.type(""), { ...free, repeats: true });
    register("Backspace", "Blank the cell to the left", () => this.back(), { ...free, repeats: true });
    register(["X", "x"], "Crossed, not a digit", () => this.type("X"), free);
    register(["u", "U"], "Unreadable", () => this.type("?"), free);
    register([".", ","], "Decimal separator", () => this.typePoint(), { when: () => free.when() && this.record.has_separator });
    register("-", "Minus", () => this.typeMinus(), { when: () => free.when() && this.record.has_minus });
    register("ArrowLeft", "Cell to the left", () => this.move(this.cursor - 1), { ...free, repeats: true });
    register("ArrowRight", "Cell to the right", () => this.move(this.cursor + 1), { ...free, repeats: true });
    register("Home", "First cell", () => this.move(0), free);
    register("End", "Last cell", () => this.move(this.last()), free);
    register("Ctrl+ArrowRight", "Next doubtful cell", () => this.move(this.nextDoubt()), free);
  }

  /** Accept the value, or point to a cell that must be decided first. */
  accept() {
    const open = this.signs.indexOf(null);
    if (open < 0) {
      this.onAccept(this.record, [...this.signs]);
      return;
    }
    this.move(open);
    this.showNotice(`Decide cell ${this.cellNumber(open) + 1} first: type its digit, X if it is not a digit, or U if it is unreadable.`);
  }

  type(sign) {
    if (this.signs[this.cursor] === ".") {
      if (!sign) {
        this.signs.splice(this.cursor, 1);
        this.changed(this.cursor);
        return;
      }
      this.cursor += 1;
    }
    if (this.cursor >= this.signs.length) {
      if (!this.record.is_line || !sign || sign === "X") return;
      this.signs.push(sign);
    } else {
      this.signs[this.cursor] = sign;
    }
    this.changed(Math.min(this.cursor + 1, this.last()));
  }

  /** Move the decimal point to the place before the cursor. */
  typePoint() {
    const at = this.signs.indexOf(".");
    if (at >= 0) this.signs.splice(at, 1);
    const to = at >= 0 && at < this.cursor ? this.cursor - 1 : this.cursor;
    this.signs.splice(to, 0, ".");
    this.changed(Math.min(to + 1, this.last()));
  }

  /** Add or remove the minus: left of a line, or in the current cell. */
  typeMinus() {
    if (!this.record.is_line) {
      this.type("-");
    } else if (this.signs[0] === "-") {
      this.signs.shift();
      this.changed(Math.max(0, this.cursor - 1));
    } else {
      this.signs.unshift("-");
      this.changed(Math.min(this.cursor + 1, this.last()));
    }
  }

  back() {
    if (this.signs[this.cursor - 1] === "." || this.signs[this.cursor - 1] === "-") {
      const isCell = !this.record.is_line && this.signs[this.cursor - 1] === "-";
      this.signs.splice(this.cursor - 1, 1, ...(isCell ? [""] : []));
      this.changed(this.cursor - 1);
      return;
    }
    const isAdded = this.record.is_line && this.ownSigns().length > this.record.cells.length;
    if (isAdded && this.cursor >= this.signs.length - 1) {
      this.signs.pop();
      this.changed(this.signs.length);
      return;
    }
    const isOnFilled = this.signs[this.cursor] !== "" && this.cursor === this.signs.length - 1;
    const at = isOnFilled ? this.cursor : Math.max(0, this.cursor - 1);
    if (at < this.signs.length) this.signs[at] = "";
    this.changed(at);
  }

  move(to) {
    this.cursor = Math.max(0, Math.min(to, this.last()));
    this.draw();
    this.say(this.describe(this.cursor));
  }

  /** The last place of the cursor: in a line, after the last character. */
  last() {
    return this.record.is_line ? this.signs.length : this.signs.length - 1;
  }

  firstDoubt() {
    const open = this.signs.indexOf(null);
    return open >= 0 ? open : this.signs.findIndex((_, at) => this.cellAt(at)?.is_doubtful);
  }

  nextDoubt() {
    const found = this.signs.findIndex((sign, at) => at > this.cursor && (this.cellAt(at)?.is_doubtful || sign === null));
    return found < 0 ? Math.max(0, this.firstDoubt()) : found;
  }

  /** Whether a sign stands between cells. */
  isBetween(sign) {
    return sign === "." || (sign === "-" && this.record.is_line);
  }

  /** The signs that belong to a cell each. */
  ownSigns(signs = this.signs) {
    return signs.filter((sign) => !this.isBetween(sign));
  }

  /** The number of the cell that a sign belongs to; -1 for a sign between cells. */
  cellNumber(at) {
    return this.isBetween(this.signs[at]) ? -1 : this.ownSigns(this.signs.slice(0, at)).length;
  }

  cellAt(at) {
    const { cells, signs } = this.record;
    return cells.length === this.ownSigns(signs).length ? cells[this.cellNumber(at)] : undefined;
  }

  isChangedAt(at) {
    if (at >= this.signs.length) return false;
    const { signs } = this.record;
    if (this.isBetween(this.signs[at])) return signs[at] !== this.signs[at];
    return this.signs[at] !== this.ownSigns(signs)[this.cellNumber(at)];
  }

  changed(cursor) {
    this.cursor = cursor;
    this.showNotice("");
    this.draw();
    this.check();
    this.onChange(this.record, this.signs);
  }

  check() {
    const number = (this.latest += 1);
    const body = { field_id: this.record.field_id, signs: this.signs.map((sign) => sign ?? "?") };
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      try {
        const found = await ask("/api/check", body);
        if (number === this.latest) this.drawRules(found.rules, true);
      } catch {
        if (number === this.latest) this.showNotice("The rules cannot be checked now.");
      }
    }, CHECK_AFTER_MS);
  }

  drawRules(rules, isSpoken = false) {
    const shown = rules.map(({ name, state }) =>
      make(
        "li",
        { class: state, title: name },
        make("span", { class: "sign", "aria-hidden": "true" }, RULE_STATES[state].sign),
        make("span", {}, ruleText(name), make("span", { class: "note" }, `: ${RULE_STATES[state].text}`)),
      ),
    );
    this.parts.rules.replaceChildren(...(shown.length ? shown : [make("li", { class: "note" }, "No rule.")]));
    const named = (state) => rules.filter((rule) => rule.state === state).map((rule) => rule.name).join(" and ");
    this.strip.classList.toggle("is-broken", named("broken") !== "");
    if (!isSpoken) return;
    const outcome = named("broken") ? `Breaks ${named("broken")}.` : named("open") ? "Rules are open." : "All rules hold.";
    this.say(`${this.spokenValue()}. ${outcome}`);
  }

  draw() {
    const { slots } = this.parts;
    const places = this.record.is_line && !this.isLocked ? this.signs.length + 1 : this.signs.length;
    slots.replaceChildren(...Array.from({ length: places }, (_, at) => this.slot(at)));
    if (!places) slots.append(make("span", { class: "note" }, "no cell has ink"));
    this.align();
  }

  slot(at) {
    const cell = this.cellAt(at);
    const sign = this.signs[at];
    const isChanged = this.isChangedAt(at);
    const doubt = sign === null ? DOUBTS.refused : isChanged ? null : DOUBTS[cell?.doubt];
    return make(
      "span",
      {
        class: ["slot", sign === "." && "point", doubt && "doubtful", isChanged && "changed", sign === null && "open", at >= this.signs.length && "end"]
          .filter(Boolean).join(" "),
        "data-at": at,
        "data-current": at === this.cursor && !this.isLocked,
        title: at < this.signs.length ? this.describe(at) : null,
      },
      make("span", { class: "character" }, sign === null ? (cell?.label ?? "?") : (SHOWN[sign] ?? sign ?? "")),
      make("span", { class: "mark", "aria-hidden": "true" }, doubt?.sign ?? (isChanged ? "✎" : "")),
      make("span", { class: "sure", "aria-hidden": "true" }, cell?.state === "digit" && !isChanged && !cell.verdict ? percent(cell.confidence) : ""),
    );
  }

  /** Put each slot under its cell in the picture if the cells form one row and are wide enough. */
  align() {
    if (!this.record) return;
    const { slots, picture } = this.parts;
    const { cells, picture_box: frame, is_line: isLine } = this.record;
    const boxes = cells.map((cell) => cell.box);
    const isRow = !isLine && boxes.length > 0 && boxes.every((box) => Math.abs(box.y - boxes[0].y) < boxes[0].height / 2);
    const scale = picture.clientWidth / frame.width;
    const isAligned = isRow && boxes.every((box) => box.width * scale >= NARROWEST_SLOT_PX);
    slots.classList.toggle("aligned", isAligned);
    slots.style.width = isAligned ? `${picture.clientWidth}px` : "";
    const between = (at) => {
      const next = boxes[this.ownSigns(this.signs.slice(0, at)).length] ?? boxes.at(-1);
      return { x: next.x - next.width / 8, width: next.width / 4 };
    };
    [...slots.querySelectorAll(".slot")].forEach((slot, at) => {
      const box = isAligned ? (boxes[this.cellNumber(at)] ?? between(at)) : null;
      slot.style.left = box ? `${(100 * (box.x - frame.x)) / frame.width}%` : "";
      slot.style.width = box ? `${(100 * box.width) / frame.width}%` : "";
    });
  }

  point(event) {
    const slot = event.target.closest("[data-at]");
    if (slot && !this.isLocked) this.move(Number(slot.dataset.at));
  }

  describe(at) {
    if (at >= this.signs.length) return "end of the line";
    const cell = this.cellAt(at);
    const sign = this.signs[at];
    if (this.isBetween(sign)) return SPOKEN[sign];
    const value = sign === null ? "to be decided" : (SPOKEN[sign] ?? sign);
    const parts = [`Cell ${this.cellNumber(at) + 1}: ${value}`];
    if (cell?.doubt) parts.push(DOUBTS[cell.doubt].text);
    if (cell?.state === "digit" && cell.confidence !== null) parts.push(`read as ${cell.label}, confidence ${cell.confidence.toFixed(3)}`);
    if (cell?.verdict) parts.push(`a person said ${cell.verdict.replaceAll("_", " ")}`);
    return parts.join(", ");
  }

  spokenValue() {
    return this.signs.map((sign) => SPOKEN[sign] ?? sign ?? "to be decided").join(" ") || "blank";
  }

  say(text) {
    this.live.textContent = text;
  }

  showNotice(text) {
    this.parts.notice.textContent = text;
    this.parts.notice.hidden = !text;
    if (text) this.say(text);
  }

  /** Buttons for fingers; a keyboard has keys. */
  makePad() {
    const button = (label, name, action) =>
      make("button", { type: "button", "aria-label": name, onclick: () => this.isLocked || action() }, label);
    this.separatorKey = button(".", "Decimal separator", () => this.typePoint());
    this.minusKey = button("−", "Minus", () => this.typeMinus());
    return make(
      "div",
      { class: "pad" },
      [..."1234567890"].map((digit) => button(digit, digit, () => this.type(digit))),
      button("␣", "Blank", () => this.type("")),
      button("✕", "Not a digit", () => this.type("X")),
      button("?", "Unreadable", () => this.type("?")),
      this.separatorKey,
      this.minusKey,
      make("button", { type: "button", class: "main", onclick: () => this.isLocked || this.accept() }, "Accept"),
    );
  }
}

function percent(confidence) {
  if (confidence === null || confidence === undefined) return "";
  return confidence >= 0.9995 ? "100" : (100 * confidence).toFixed(confidence < 0.1 ? 1 : 0);
}

/** Name a rule for people who have not written the template; its own name is the tooltip. */
function ruleText(name) {
  if (name.startsWith("pattern ")) return "the required pattern";
  return CHECKSUMS.includes(name) ? `check digit (${name})` : name;
}

function valuesOf(record) {
  const pairs = [["Final", record.value ?? (record.status === "blank" ? "blank" : "–")]];
  pairs.push(["Origin", record.origin]);
  if (record.value_read !== record.value) pairs.push(["Read", record.value_read ?? "blank"]);
  if (record.value_corrected !== null && ![record.value_read, record.value].includes(record.value_corrected)) {
    pairs.push(["Corrected by rule", record.value_corrected]);
  }
  if (record.confidence !== null) pairs.push(["Confidence", record.confidence.toFixed(3)]);
  return pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
}

function verdictOf(verdict) {
  const cell = verdict.cell === null ? "" : `cell ${verdict.cell}: `;
  const text = `${verdict.at} · ${verdict.actor}: ${cell}${verdict.verdict}`;
  return make("li", { class: verdict.is_undone ? "undone" : null }, text, verdict.is_undone ? " (undone)" : "");
}
