// @ts-check
// A list of records: ticks that stay while pages change, the bar for what is ticked, decisions, keys.
import { ask, problem, say, show } from "./swap.js";
import { close, opened, openRecord, reload } from "./drawer.js";

/** What is ticked, of one view: records with the version that was seen; or all that match, but for some. @typedef {{ids: Record<string, string>, all: boolean, except: Record<string, true>, asOf: string, expected: number, why: string}} Ticks */
const grid = () => /** @type {HTMLTableElement | null} */ (document.querySelector(".grid"));
const rows = () => /** @type {HTMLTableRowElement[]} */ ([...document.querySelectorAll(".grid tbody tr")]);
const decidable = () => rows().filter((row) => row.dataset.version);
const key = () => "ticks " + grid()?.dataset.view;
/** @type {string | null} */ let at = null; // the row that the keys act on
/** @type {string | null} */ let last = null; // the row that was ticked last

/** @returns {Ticks} */
const load = () => JSON.parse(sessionStorage.getItem(key()) ?? "null") ?? { ids: {}, all: false, except: {}, asOf: "", expected: 0, why: "" };

/** @param {Ticks} ticks */
function save(ticks) {
  if (ticks.all || Object.keys(ticks.ids).length) sessionStorage.setItem(key(), JSON.stringify(ticks));
  else sessionStorage.removeItem(key());
  paint();
}

/** @param {Ticks} ticks @param {string} id */
const has = (ticks, id) => (ticks.all ? !ticks.except[id] : id in ticks.ids);

/** @param {Ticks} ticks */
const count = (ticks) => (ticks.all ? ticks.expected - Object.keys(ticks.except).length : Object.keys(ticks.ids).length);

/** @param {HTMLTableRowElement[]} some @param {boolean} on */
function tick(some, on) {
  const ticks = load();
  // Decided is what was seen: the list that is oldest says since when others may have decided.
  if (!ticks.asOf) ticks.asOf = grid()?.dataset.asOf ?? "";
  for (const { dataset: { id = "", version = "" } } of some) {
    if (ticks.all) on ? delete ticks.except[id] : (ticks.except[id] = true);
    else on ? (ticks.ids[id] = version) : delete ticks.ids[id];
  }
  save(ticks);
}

function paint() {
  const table = grid(), ticks = load(), bar = /** @type {HTMLElement | null} */ (document.querySelector(".bulk"));
  if (!table) return;
  const labels = [...(table.tHead?.rows[0].cells ?? [])].map((head) => head.dataset.label);
  let on = 0;
  for (const row of rows()) {
    const box = row.querySelector("input"), ticked = !!row.dataset.version && has(ticks, row.dataset.id ?? "");
    if (box) [box.checked, box.ariaLabel] = [ticked, `Select ${row.querySelector("[data-open]")?.textContent}`];
    if (ticked) on++;
    row.ariaSelected = String(ticked);
    row.classList.toggle("at", row.dataset.id === at);
    for (const [n, cell] of [...row.cells].entries()) if (labels[n]) cell.dataset.label = labels[n]; // where rows are cards
  }
  const page = /** @type {HTMLInputElement | null} */ (table.querySelector("[data-page]"));
  if (page) [page.checked, page.indeterminate, page.disabled] = [on > 0 && on === decidable().length, on > 0 && on < decidable().length, !decidable().length];
  if (!bar) return;
  const number = count(ticks);
  bar.hidden = !number;
  const shown = bar.querySelector("[data-count]"), why = /** @type {HTMLInputElement} */ (bar.querySelector("[name=why]")), all = /** @type {HTMLElement | null} */ (bar.querySelector("[data-all]"));
  if (shown) shown.textContent = `${number.toLocaleString("en")} selected`;
  if (all) all.hidden = ticks.all;
  if (document.activeElement !== why) why.value = ticks.why;
}

/** Decide, and show the list with what was done. @param {string} decision @param {{ids?: Record<string, string>, replace?: boolean}} [some] these instead of the ticked ones */
async function decide(decision, { ids, replace = false } = {}) {
  const ticks = load();
  const alone = /** @type {HTMLElement | null} */ (document.querySelector("main > .record"));
  if (!alone && (!grid() || (!ids && !count(ticks)))) return;
  const all = !ids && ticks.all;
  const body = {
    decision, replace, why: (!ids && ticks.why) || null, as_of: (!ids && ticks.asOf) || (alone ?? grid())?.dataset.asOf,
    ...(all ? { all, excluding: Object.keys(ticks.except), expected: ticks.expected } : { seen: ids ?? ticks.ids }),
  };
  const answer = await ask(alone?.dataset.list ?? location.pathname + location.search, { body }).catch(() => null);
  if (!answer) return;
  const html = answer.text;
  if (!answer.ok) return problem(html);
  if (alone) return location.reload();
  if (!ids) sessionStorage.removeItem(key());
  const from = at;
  show(html);
  if (from) move(from);
  say(document.querySelector("[data-decided]")?.textContent?.trim().replace(/\s+/g, " ") ?? "");
  reload();
}

/** Put the keys on a row. @param {string | number} to an id, or how many rows on */
function move(to) {
  const every = rows(), now = every.findIndex((row) => row.dataset.id === at);
  const row = typeof to === "number" ? every[Math.max(0, Math.min(every.length - 1, now < 0 ? 0 : now + to))] : every.find((one) => one.dataset.id === to);
  at = row?.dataset.id ?? null;
  paint();
  row?.scrollIntoView({ block: "nearest" });
  /** @type {HTMLElement | null | undefined} */ (row?.querySelector("[data-open]"))?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const row = /** @type {HTMLTableRowElement | null} */ (event.target.closest(".grid tbody tr"));
  const button = /** @type {HTMLButtonElement | null} */ (event.target.closest("button"));
  const link = /** @type {HTMLAnchorElement | null} */ (event.target.closest("a[data-open]"));
  if (row) at = row.dataset.id ?? null;
  if (link && grid() && !event.button && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    openRecord(link.href);
  } else if (button && (button.dataset.decide || button.parentElement?.matches(".choice"))) {
    event.preventDefault(); // the form is for where scripts fail
    const of = /** @type {HTMLElement} */ (button.dataset.id ? button : button.closest("[data-version]"));
    decide(button.dataset.decide ?? button.name, of ? { ids: { [of.dataset.id ?? ""]: of.dataset.version ?? "" }, replace: "replace" in button.dataset } : {});
  } else if (button && "all" in button.dataset) {
    const { asOf = "", differ = "0" } = grid()?.dataset ?? {};
    save({ ...load(), ids: {}, all: true, except: {}, asOf, expected: Number(differ) });
  } else if (button && "clear" in button.dataset) {
    sessionStorage.removeItem(key());
    paint();
  } else if (button && "dismiss" in button.dataset) {
    button.closest(".notice")?.remove();
  } else if (event.target instanceof HTMLInputElement && "page" in event.target.dataset) {
    tick(decidable(), event.target.checked);
  } else if (event.target instanceof HTMLInputElement && row?.dataset.version) {
    tick(upTo(row, event.shiftKey), event.target.checked);
  }
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.name === "why") save({ ...load(), why: event.target.value });
});

/** @param {number} by */
function neighbour(by) {
  const shown = /** @type {HTMLElement | null} */ (document.querySelector("dialog .record"));
  if (!opened() || !shown) return;
  at = shown.dataset.id ?? at;
  move(by);
  const link = /** @type {HTMLAnchorElement | null} */ (document.querySelector(`tr.at [data-open]`));
  if (link) openRecord(link.href, true);
}

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  "/": () => /** @type {HTMLElement | null} */ (document.querySelector("[type=search]"))?.focus(),
  j: () => move(1),
  k: () => move(-1),
  x: () => toggle(false),
  X: () => toggle(true),
  a: () => tick(decidable(), !decidable().every((row) => has(load(), row.dataset.id ?? ""))),
  // Where all that match are on this page there is no button.
  A: () => (Number(grid()?.dataset.differ) > decidable().length ? /** @type {HTMLElement | null} */ (document.querySelector("[data-all]"))?.click() : tick(decidable(), true)),
  i: () => choose("include"),
  g: () => choose("ignore"),
  u: () => choose("undecided"),
  n: () => /** @type {HTMLElement | null} */ (document.querySelector("[rel=next]"))?.click(),
  p: () => /** @type {HTMLElement | null} */ (document.querySelector("[rel=prev]"))?.click(),
  "[": () => neighbour(-1),
  "]": () => neighbour(1),
  Escape: () => (opened() ? close() : document.querySelector(".bulk:not([hidden]) [data-clear]")?.dispatchEvent(new MouseEvent("click", { bubbles: true }))),
  "?": () => /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog.help"))?.showModal(),
};
for (const place of [1, 2, 3, 4, 5]) KEYS[place] = () => /** @type {HTMLElement | undefined} */ (document.querySelectorAll(".chips .chip")[place - 1])?.click();

/** @param {boolean} range */
function toggle(range) {
  const row = decidable().find((one) => one.dataset.id === at);
  if (row) tick(upTo(row, range), range || !has(load(), at ?? ""));
}

/** The row, or all from the one that was ticked last up to it. @param {HTMLTableRowElement} row @param {boolean} range */
function upTo(row, range) {
  const every = decidable(), from = every.findIndex((one) => one.dataset.id === last), to = every.indexOf(row);
  last = row.dataset.id ?? null;
  return range && from >= 0 ? every.slice(Math.min(from, to), Math.max(from, to) + 1) : [row];
}

/** The ticked records; without any, the one that the keys are on. @param {string} decision */
function choose(decision) {
  const row = decidable().find((one) => one.dataset.id === at);
  if (!opened() && count(load())) decide(decision);
  else if (row) decide(decision, { ids: { [row.dataset.id ?? ""]: row.dataset.version ?? "" } });
}

document.addEventListener("keydown", (event) => {
  const field = event.target instanceof HTMLInputElement && event.target.type !== "checkbox";
  if (event.key === "Escape" && field) return /** @type {HTMLElement} */ (event.target).blur();
  if (field || event.ctrlKey || event.metaKey || event.altKey || !grid() || localStorage.getItem("keys") === "off" || document.querySelector("dialog.help[open]")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act(event);
});

const keys = /** @type {HTMLInputElement | null} */ (document.querySelector("[data-keys]"));
if (keys) {
  keys.checked = localStorage.getItem("keys") !== "off";
  keys.addEventListener("change", () => (keys.checked ? localStorage.removeItem("keys") : localStorage.setItem("keys", "off")));
}
document.addEventListener("shown", paint);
paint();
