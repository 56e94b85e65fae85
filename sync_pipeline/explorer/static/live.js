// @ts-check
// What is at work, live. One page of an organization reads the stream for all that are open, where the browser lets them agree:
// it opens six connections to a host, and a page more would wait for ever.
import { ask, banner, LOST, put, visit } from "./swap.js";

const stream = /** @type {HTMLMetaElement | null} */ (document.querySelector("meta[name=live]"))?.content;
const bus = new BroadcastChannel(stream ?? "live");
/** @type {Record<string, string> | null} */ let now = null; // the parts by their key; null: not heard yet, or lost
/** @type {EventSource | null} */ let source = null;

/** Show the page as it is now; what is typed stays. */
async function refresh() {
  const typed = [...document.querySelectorAll("main :is(input, textarea)")].map((one) => /** @type {HTMLInputElement} */ (one)).filter((one) => one.value !== one.defaultValue);
  await visit(location.href, { push: false });
  for (const { name, value } of typed) {
    const field = /** @type {HTMLInputElement | null} */ (document.querySelector(`main [name="${name}"]`));
    if (field && field.value === field.defaultValue) field.value = value;
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
