// @ts-check
// What is at work, live. One page of an organization reads the stream for all that are open, where the browser lets them agree:
// it opens six connections to a host, and a page more would wait for ever.
import { ask, banner, LOST, put, visit } from "./swap.js";

const stream = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name=live]"))?.content;
const bus = new BroadcastChannel(stream ?? "live");
/** @type {Record<string, string> | null} */ let now = null; // the parts by their key; null: not heard yet, or lost
/** @type {EventSource | null} */ let source = null;

/** What people type in, choose, open or stand on, by the form it belongs to and what it is called. */
function places() {
  const found = /** @type {Map<string, any>} */ (new Map());
  for (const one of /** @type {NodeListOf<any>} */ (document.querySelectorAll("main :is(input, textarea, select, details, summary, button, a)"))) {
    let key = [one.localName, one.form?.getAttribute("action"), one.name, /radio|checkbox|submit/.test(one.type) && one.value, one.name || (one.querySelector("summary") ?? one).textContent].join();
    while (found.has(key)) key += "+";
    found.set(key, one);
  }
  return found;
}

/** Show the page as it is now; what is typed, chosen and open stays, and so does the focus. */
async function refresh() {
  /** @type {ReturnType<typeof places>} */ let before = new Map(), at = document.activeElement;
  // Not earlier: somebody goes on while the answer is on its way.
  await visit(location.href, { push: false, again: true, before: () => ([before, at] = [places(), document.activeElement]) });
  if (!before.size) return; // it was not shown
  for (const [key, one] of places()) {
    const old = before.get(key) ?? one;
    if (old.open) one.open = true;
    else if (one.options && [...one.options].some(({ value }) => value === old.value)) one.value = old.value;
    else if (old.checked !== old.defaultChecked) one.checked = old.checked;
    else if (old.value !== old.defaultValue && one.value === one.defaultValue) one.value = old.value;
    if (old === at) one.focus({ preventScroll: true });
  }
}

/** @param {boolean} first are the places new? */
function paint(first) {
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-live]"))) {
    const key = place.dataset.live ?? "", html = now?.[key] ?? now?.[place.dataset.idle ?? ""];
    if (html !== undefined) {
      put(place, html); // the places in it are replaced; their old elements still follow here and say what ended
      place.dataset.seen = "";
    } else if (now && "seen" in place.dataset) return void refresh(); // it ended
    // It may have ended before the stream named it.
    else if (first) setTimeout(() => place.isConnected && now && !(key in now || "idle" in place.dataset) && refresh(), 2500);
  }
}

/** @param {typeof now} said */
function hear(said) {
  now = said;
  banner(now ? null : LOST);
  paint(false);
  if (source) bus.postMessage({ now });
}

function connect() {
  source = new EventSource(/** @type {string} */ (stream));
  source.onmessage = (event) => hear(JSON.parse(event.data));
  source.onerror = async () => {
    const closed = source?.readyState === EventSource.CLOSED; // refused: the session may have ended
    if (now) hear(null);
    if (!closed) return;
    await new Promise((done) => setTimeout(done, 1000));
    await ask(location.href);
    connect();
  };
}

if (stream) {
  bus.onmessage = ({ data }) => (data === "hello" ? source && now && bus.postMessage({ now }) : hear(data.now));
  bus.postMessage("hello");
  navigator.locks ? navigator.locks.request(stream, () => new Promise(connect)) : connect();
  document.addEventListener("shown", () => paint(true));
  paint(true);
}
