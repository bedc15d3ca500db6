// Requests to the server. `post` saves one batch at a time, in order, and repeats it until the server has it.
//
//   import { get, post } from "./api.js";
//   const fields = await get("/api/fields?queue=doubtful");
//   await post("/api/verdicts", { verdicts: [...] });
//
// `post` adds a `batch_id` (a UUID) to the body, the same in every attempt. The server must record a
// batch_id only once, so that a repeated request changes nothing. If the session ends, for example because
// the server restarts, the batch waits until the same person has signed in again in another tab.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
const SIGNED_OUT_PAUSE_MS = 1_000;
const TIMEOUT_MS = 30_000;
const PASSING = [408, 429, 502, 503, 504]; // errors that a later attempt may not meet

let unsaved = 0;
let tail = Promise.resolve();

/** An error that the server reported; `status` is 0 if it could not be reached. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Read JSON from the server. */
export async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (response.ok) return response.json();
  const error = new ApiError(await reasonOf(response), response.status);
  if (response.status === 401) show("failed", error.message, true);
  throw error;
}

/** Save a JSON object; resolves with the server's answer once it is saved. */
export function post(path, body) {
  unsaved += 1;
  show("saving", "saving…");
  const batch = { ...body, batch_id: body.batch_id ?? newUuid() };
  const saved = tail.then(() => postUntilSaved(path, batch));
  tail = saved.then(
    () => settle(),
    (error) => settle(error),
  );
  return saved;
}

/** Ask the server with a JSON object, once and without showing a state: for questions that change nothing. */
export async function ask(path, body) {
  const response = await send(path, body);
  if (response.ok) return response.json();
  throw new ApiError(await reasonOf(response), response.status);
}

/** Resolves when everything that was posted so far is saved or refused. */
export function allSaved() {
  return tail;
}

/** Return a random UUID. crypto.randomUUID exists only over HTTPS and on localhost. */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

async function postUntilSaved(path, batch) {
  let hasNewToken = false;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    let reason;
    try {
      const response = await send(path, batch);
      if (response.ok) return await response.json();
      reason = await reasonOf(response);
      if (response.status === 401 || (response.status === 403 && !hasNewToken)) {
        await signedInAgain(reason);
        hasNewToken = true;
        continue;
      }
      if (!PASSING.includes(response.status)) throw new ApiError(reason, response.status);
    } catch (error) {
      if (error instanceof ApiError) throw error;
      reason = "the server cannot be reached";
    }
    show("retrying", `not saved: ${reason}, retrying`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function meta(name) {
  return document.querySelector(`meta[name="${name}"]`);
}

/** Wait until the person of this page has a session, and take its CSRF token. */
async function signedInAgain(reason) {
  for (;;) {
    let session = null;
    try {
      const response = await fetch("/api/session", { credentials: "same-origin" });
      if (response.ok) session = await response.json();
    } catch {
      // The server cannot be reached; ask again.
    }
    if (session && session.name !== meta("person").content) {
      throw new ApiError(`${session.name} is signed in now, not ${meta("person").content}`, 403);
    }
    if (session) {
      meta("csrf-token").content = session.csrf_token;
      return;
    }
    show("failed", `not saved: ${reason}`, true);
    await new Promise((resolve) => setTimeout(resolve, SIGNED_OUT_PAUSE_MS));
  }
}

function send(path, body) {
  return fetch(path, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": meta("csrf-token").content,
    },
    credentials: "same-origin",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}

async function reasonOf(response) {
  try {
    return (await response.json()).error ?? `error ${response.status}`;
  } catch {
    return `error ${response.status}`;
  }
}

function settle(error) {
  unsaved -= 1;
  if (error) show("failed", `not saved: ${error.message}`);
  else if (unsaved) show("saving", "saving…");
  else show("saved", "saved");
}

function show(state, text, isSignedOut = false) {
  const status = document.getElementById("save-status");
  if (status.dataset.text === text) return; // a link in it keeps the focus
  status.dataset.text = text;
  status.dataset.state = state;
  status.replaceChildren(text);
  if (isSignedOut) {
    const link = document.createElement("a");
    link.href = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.target = "_blank"; // this page keeps what is not saved
    link.textContent = "Sign in";
    status.append(" ", link);
  }
}

addEventListener("beforeunload", (event) => {
  if (unsaved) event.preventDefault();
});
