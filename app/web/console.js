// The review console: a queue, the pair in hand, and the rule that a fix becomes. Texts go in as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const state = { pairs: [], at: -1, next: null, rule: null, token: null, shown: null, isStale: false, isBusy: false };
const SIDES = ["instruction", "response"];

function make(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function say(text) { $("said").textContent = text; }

async function ask(method, path, body, headers = {}) {
  const key = $("key").value.trim();
  const options = { method, headers: { ...headers } };
  if (key) options.headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(`/v1${path}`, options);
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
    const faults = (problem.errors || []).map((fault) => `${fault.pointer}: ${fault.message}`);
    throw Object.assign(new Error([problem.detail, ...faults].join(" ")), { status: answer.status });
  }
  return answer;
}

const read = async (path) => (await ask("GET", path)).json();

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    say(error.message);
  }
}

async function listJobs() {
  const jobs = (await read("/jobs?limit=100")).data;
  $("job").replaceChildren(...jobs.map((job) => make("option", `${job.id} · ${job.state} · ${job.counts.pairs} pairs`, { value: job.id })));
  if (jobs.length) await showAll();
  else say("No job yet.");
}

async function showAll() {
  await showSummary();
  await showQueue();
}

async function showSummary() {
  const job = $("job").value;
  const summary = await read(`/jobs/${job}/review`);
  const chosen = $("language").value;
  const languages = summary.languages.map((entry) => make("option", `${entry.language} (${entry.waiting} wait)`, { value: entry.language }));
  $("language").replaceChildren(...languages, make("option", "all", { value: "*" }));
  if ([...$("language").options].some((option) => option.value === chosen)) $("language").value = chosen;
  const flags = new Map();
  for (const entry of summary.languages) {
    for (const [flag, n] of Object.entries(entry.waiting_by_flag)) flags.set(flag, (flags.get(flag) || 0) + n);
  }
  const flag = $("flag").value;
  $("flag").replaceChildren(make("option", "any", { value: "" }), ...[...flags].map(([name, n]) => make("option", `${name} (${n})`, { value: name })));
  $("flag").value = flags.has(flag) ? flag : "";
  say(`${summary.waiting} of ${summary.pairs} pairs wait.`);
}

async function showQueue(more = false) {
  const query = new URLSearchParams({ limit: "50", expand: "review,provenance" });
  for (const [name, value] of new FormData($("filter"))) if (value) query.set(name, value);
  if (more && state.next) query.set("cursor", state.next);
  const page = await read(`/pairs?${query}`);
  state.pairs = more ? state.pairs.concat(page.data) : page.data;
  state.next = page.next_cursor;
  state.isStale = false;
  $("queue").replaceChildren(...state.pairs.map((pair, place) => {
    const button = make("button", pair.instruction.slice(0, 90), { type: "button" });
    button.append(make("small", [pair.language, pair.status, ...pair.flags].join(" · ")));
    button.addEventListener("click", () => take(place));
    const entry = document.createElement("li");
    entry.append(button);
    return entry;
  }));
  if (!more) await take(state.pairs.length ? 0 : -1);
}

const isEdited = () => state.shown !== null && SIDES.some((side) => $(side).value !== state.shown[side]);
const mayLeave = () => !isEdited() || confirm("This edit is not saved. Drop it?");
const readPair = (id) => read(`/pairs/${id}?expand=review,provenance`);

async function take(place) {
  if (!mayLeave()) return;
  if (place >= state.pairs.length && state.next) await showQueue(true);
  state.at = Math.min(place, state.pairs.length - 1);
  let pair = state.pairs[state.at];
  if (pair && state.isStale) pair = state.pairs[state.at] = await readPair(pair.id);
  state.shown = pair || null;
  $("desk").hidden = !pair;
  $("rules").hidden = true;
  $("rule").hidden = true;
  if (!pair) {
    say("Nothing waits here.");
    return;
  }
  [...$("queue").children].forEach((entry, n) => entry.firstChild.setAttribute("aria-current", String(n === state.at)));
  $("queue").children[state.at].scrollIntoView({ block: "nearest" });
  $("place").textContent = [pair.id, pair.source_id, pair.language, pair.status, ...pair.flags].join(" · ");
  $("sentences").textContent = pair.provenance.annotation.sentences;
  $("findings").replaceChildren(...pair.review.findings.map((found) => make("li", `${found.code}: ${found.detail}`)));
  $("instruction").value = pair.instruction;
  $("response").value = pair.response;
  $("note").value = "";
  const changed = pair.review.edits[0];
  if (changed) showDiff(changed.before, pair);
  else $("diff").replaceChildren();
  await attempt(() => showSource(pair));
  await attempt(() => showPictures(pair));
}

async function showSource(pair) {
  $("source").hidden = true;
  if (!pair.translation_of) return;
  const english = await read(`/pairs/${pair.translation_of}`);
  if (state.shown !== pair) return;
  $("source").replaceChildren(...SIDES.map((side) => make("p", english[side], { lang: english.language })));
  $("source").hidden = false;
}

async function showPictures(pair) {
  for (const old of $("pictures").querySelectorAll("img")) URL.revokeObjectURL(old.src);
  $("pictures").replaceChildren();
  for (const name of pair.image_ids.slice(0, 4)) {
    const found = (await read(`/datasets/${pair.dataset_id}/images?image_id=${encodeURIComponent(name)}`)).data[0];
    if (!found || !found.id || state.pairs[state.at] !== pair) continue;
    const answer = await ask("GET", `/images/${found.id}?thumbnail=256`);
    $("pictures").append(make("img", "", { alt: name, src: URL.createObjectURL(await answer.blob()) }));
  }
}

// Word by word: what both begin and end with stays, what lies between went and came.
function diffLine(before, after) {
  const [old, now] = [before.split(/(\s+)/), after.split(/(\s+)/)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  while (end < old.length - start && end < now.length - start && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const line = make("p", old.slice(0, start).join(""));
  line.append(make("del", old.slice(start, old.length - end).join("")), make("ins", now.slice(start, now.length - end).join("")));
  line.append(old.slice(old.length - end).join(""));
  return line;
}

function showDiff(before, after, into = $("diff")) {
  const sides = SIDES.filter((side) => before[side] !== after[side]);
  into.replaceChildren(...sides.map((side) => diffLine(before[side], after[side])));
}

async function decide(body) {
  const at = state.at;
  const pair = state.pairs[at];
  if (!pair || state.isBusy) return;
  const said = { ...body };
  if ($("note").value.trim()) said.note = $("note").value.trim();
  if ($("reviewer").value.trim()) said.reviewer = $("reviewer").value.trim();
  state.isBusy = true;
  try {
    await ask("PATCH", `/pairs/${pair.id}`, said, { "If-Match": `"${pair.etag}"` });
  } catch (error) {
    if (error.status === 412) await showWhatOthersDid(pair, at);
    else throw error;
    return;
  } finally {
    state.isBusy = false;
  }
  const edited = await readPair(pair.id);
  state.pairs[at] = edited;
  $("queue").children[at].firstChild.lastChild.textContent = [edited.language, edited.status, ...edited.flags].join(" · ");
  if (state.at !== at) return;
  state.shown = null;
  await take(body.status ? at + 1 : at);
  $("rule").hidden = Boolean(body.status);
  if (state.shown) say(edited.status);
}

// What this person wrote stays in the fields; saved again, it replaces what somebody else made of the pair.
async function showWhatOthersDid(pair, at) {
  const now = state.pairs[at] = state.shown = await readPair(pair.id);
  showDiff(now, { instruction: $("instruction").value, response: $("response").value });
  say("Somebody changed this pair meanwhile; see what your text would change, and decide again.");
}

function saveEdit() {
  const pair = state.pairs[state.at];
  const body = {};
  for (const side of SIDES) if ($(side).value !== pair[side]) body[side] = $(side).value;
  return Object.keys(body).length ? decide(body) : decide({ status: "accepted" });
}

async function showRule() {
  const pair = state.pairs[state.at];
  state.rule = (await (await ask("POST", "/review-rules", { pair_id: pair.id })).json());
  const preview = await (await ask("POST", `/review-rules/${state.rule.id}/preview?limit=20`)).json();
  state.token = preview.preview_token;
  $("rule_said").textContent = `“${state.rule.find}” → “${state.rule.replace}” in ${preview.counts.pairs} pairs`;
  $("rule_diffs").replaceChildren(...preview.data.map((diff) => {
    const entry = document.createElement("li");
    showDiff(diff.before, diff.after, entry);
    return entry;
  }));
  $("rules").hidden = false;
  $("apply").hidden = preview.counts.pairs === 0;
  $("undo").hidden = true;
}

async function runRule(action, body) {
  const run = await (await ask("POST", `/review-rules/${state.rule.id}/${action}`, body)).json();
  const counts = Object.entries(run.counts).map(([name, n]) => `${name} ${n}`).join(", ");
  $("rule_said").textContent = `${run.state}: ${counts}`;
  $("apply").hidden = true;
  $("undo").hidden = action === "undo";
  state.isStale = true;
}

const KEYS = {
  a: () => attempt(() => (isEdited() ? saveEdit() : decide({ status: "accepted" }))),
  r: () => attempt(() => decide({ status: "rejected" })),
  e: () => $("response").focus(),
  j: () => attempt(() => take(state.at + 1)),
  k: () => attempt(() => take(Math.max(0, state.at - 1))),
};

document.addEventListener("keydown", (event) => {
  const isWriting = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "Escape" && isWriting) event.target.blur();
  else if (event.key === "Enter" && event.ctrlKey) attempt(saveEdit);
  else if (!isWriting && !event.ctrlKey && !event.metaKey && !event.altKey && KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!mayLeave()) return;
  state.shown = null;
  attempt(async () => {
    if ($("job").options.length) await showAll();
    else await listJobs();
  });
});
$("filter").addEventListener("change", (event) => {
  if (event.target.id === "key" || event.target.id === "reviewer" || !mayLeave()) return;
  state.shown = null;
  attempt(showAll);
});
$("accept").addEventListener("click", KEYS.a);
$("reject").addEventListener("click", KEYS.r);
$("save").addEventListener("click", () => attempt(saveEdit));
$("rule").addEventListener("click", () => attempt(showRule));
$("apply").addEventListener("click", () => attempt(() => runRule("apply", { preview_token: state.token })));
$("undo").addEventListener("click", () => attempt(() => runRule("undo")));
attempt(listJobs);
