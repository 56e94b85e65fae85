// @ts-check
// A record beside its list. Its address is the list's with `open`; the link itself leads to the record's own page.
import { ask, put } from "./swap.js";

const drawer = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog.drawer"));
let from = ""; // the address that is shown in it

export const opened = () => !!drawer?.open;
export const close = () => drawer?.close();

/** The list's address with this record open, or none. @param {string} [id] */
function address(id) {
  const url = new URL(location.href);
  if (id === undefined) url.searchParams.delete("open");
  else url.searchParams.set("open", id);
  return url;
}

/** Open a record beside the list. @param {string} href its page, with the tab @param {boolean} [replace] in place of the one that is open */
export async function openRecord(href, replace = opened()) {
  if (!drawer) return location.assign(href);
  const { text } = await ask(href);
  from = href;
  put(drawer, text);
  drawer.scrollTop = 0;
  const { pathname, search } = new URL(href);
  const next = address(decodeURIComponent(pathname.split("/").pop() ?? "") + search);
  if (next.href !== location.href) history[replace ? "replaceState" : "pushState"](null, "", next);
  if (!drawer.open) drawer.showModal();
  drawer.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

/** Show the open record as it is now. */
export async function reload() {
  if (!drawer?.open) return;
  put(drawer, (await ask(from)).text);
  drawer.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

/** Open what the address says. */
function restore() {
  const open = new URL(location.href).searchParams.get("open");
  if (open === null) return;
  const [id, search] = open.split(/(?=\?)/, 2);
  openRecord(`${location.origin}${location.pathname}/${encodeURIComponent(id)}${search ?? ""}`, true);
}

drawer?.addEventListener("close", () => {
  if (drawer.returnValue !== "history" && address().href !== location.href) history.pushState(null, "", address());
  drawer.returnValue = "";
  drawer.replaceChildren();
});
drawer?.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const tab = /** @type {HTMLAnchorElement | null} */ (target.closest("a[data-tab]"));
  if (tab && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    openRecord(tab.href, true);
  } else if (target === drawer || target.closest("[data-close]")) drawer.close();
});
drawer?.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !("compare" in form.dataset)) return;
  event.preventDefault();
  openRecord(`${form.action}?${new URLSearchParams(/** @type {any} */ (new FormData(form)))}`, true);
});
addEventListener("popstate", () => setTimeout(restore));
restore();
