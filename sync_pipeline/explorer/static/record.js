// @ts-check
// A record's JSON, a piece at a time, with search; and the form that compares versions.
import { ask } from "./swap.js";

const PIECE = 48_000; // characters: laid out in a few milliseconds
const MOST = 2_000; // finds

/** @param {HTMLElement} place */
async function fill(place) {
  place.dataset.filled = "";
  const { ok, text } = await ask(place.dataset.json ?? "");
  if (!ok) return;
  place.replaceChildren();
  for (let from = 0; from < text.length && place.isConnected; ) {
    const end = text.indexOf("\n", from + PIECE), to = end < 0 ? Math.min(text.length, from + 2 * PIECE) : Math.min(end + 1, from + 2 * PIECE);
    const piece = document.createElement("div");
    piece.textContent = text.slice(from, to);
    place.append(piece);
    from = to;
    await new Promise((done) => setTimeout(done));
  }
}

/** @type {Range[]} */ let finds = [];
let here = -1;

/** Mark what is searched for, where the browser can, and go to a find. @param {HTMLInputElement} field @param {number} step */
function find(field, step) {
  const view = field.closest(".record")?.querySelector(".json"), said = field.closest("[data-json-tools]")?.querySelector("[data-found]");
  if (!view || !said) return;
  const wanted = field.value.toLowerCase(), marks = /** @type {any} */ (CSS).highlights;
  if (!step) {
    [finds, here] = [[], -1];
    for (const piece of wanted ? view.children : []) {
      const node = piece.firstChild, text = (node?.textContent ?? "").toLowerCase();
      for (let at = text.indexOf(wanted); node && at >= 0 && finds.length < MOST; at = text.indexOf(wanted, at + wanted.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + wanted.length);
        finds.push(range);
      }
    }
  }
  here = finds.length ? (here + (step || 1) + finds.length) % finds.length : -1;
  marks?.set("found", new /** @type {any} */ (window).Highlight(...finds));
  marks?.set("here", new /** @type {any} */ (window).Highlight(...finds.slice(here, here + 1)));
  finds[here]?.startContainer.parentElement?.scrollIntoView({ block: "nearest" });
  const box = finds[here]?.getBoundingClientRect();
  if (box) view.scrollBy(0, box.top - view.getBoundingClientRect().top - view.clientHeight / 3);
  said.textContent = wanted ? `${here + 1} of ${finds.length}${finds.length === MOST ? "+" : ""}` : "";
}

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement && "find" in event.target.dataset) find(event.target, 0);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement) || !("find" in event.target.dataset)) return;
  event.preventDefault();
  find(event.target, event.shiftKey ? -1 : 1);
});
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard?.writeText(button.closest(".record")?.querySelector(".json")?.textContent ?? "");
  button.lastChild?.replaceWith(" Copied");
});

function begin() {
  const place = /** @type {HTMLElement | null} */ (document.querySelector("[data-json]:not([data-filled])"));
  if (place) fill(place);
}
document.addEventListener("shown", begin);
begin();
