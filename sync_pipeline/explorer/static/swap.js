// @ts-check
// Parts of a page in place of whole pages; where this fails, links and forms work as they are.

/** HTML of our own service enters the page here and nowhere else. */
const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("explorer", { createHTML: (/** @type {string} */ html) => html });

/** @param {Element} element @param {string} html */
export function put(element, html) {
  element.innerHTML = policy ? policy.createHTML(html) : html;
}

/** Tell a screen reader. @param {string} words */
export function say(words) {
  const place = document.getElementById("said");
  if (place) place.textContent = words;
}

export const LOST = "The connection is lost. What you chose is kept; trying again…";

/** @param {string | null} words */
export function banner(words) {
  let shown = document.querySelector(".banner");
  if (!words) return shown?.remove();
  if (!shown) {
    shown = document.createElement("p");
    [shown.className, shown.role] = ["banner", "alert"];
    document.body.append(shown);
  }
  shown.textContent = words;
}

/** Ask for a part of a page, or send JSON or a form; an answer that breaks off is none. What only reads is asked again until the service is back; a session that ended leads to the login, which says so. @param {string} address @param {{body?: object, signal?: AbortSignal}} [options] @returns {Promise<{ok: boolean, instead: boolean, url: string, text: string}>} */
export async function ask(address, { body, signal } = {}) {
  const form = body instanceof URLSearchParams;
  const headers = { "X-Fragment": "1", ...(body && !form && { "Content-Type": "application/json" }) };
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const answer = await fetch(address, { method: body ? "POST" : "GET", headers, signal, body: form ? body : body && JSON.stringify(body) });
      const login = answer.headers.get("X-Login");
      if (login) {
        location.assign(login.split("next=")[0] + "next=" + encodeURIComponent(location.pathname + location.search));
        await new Promise(() => {});
      }
      const { ok, url } = answer, instead = answer.headers.has("X-Instead"), text = await answer.text();
      banner(null);
      return { ok, instead, url, text };
    } catch (error) {
      if (signal?.aborted) throw error;
      banner(body ? LOST.replace("trying again…", "try again in a moment.") : LOST);
      if (body) throw error;
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}

/** @type {AbortController & {again?: boolean} | null} */ let running = null; // the part that is being asked for

/** Show another part of the list in place of this one. @param {string} address @param {{push?: boolean, replace?: boolean, focus?: string, again?: boolean, before?: () => void}} [options] `focus`: a selector; `again`: the page as it is now, unless somebody has asked for another; `before`: called when it is about to be shown */
export async function visit(address, { push = true, replace = false, focus, again = false, before } = {}) {
  const main = document.getElementById("main");
  if (!main) return location.assign(address);
  if (again && running && !running.again) return;
  running?.abort();
  const mine = (running = Object.assign(new AbortController(), { again }));
  main.classList.add("busy");
  try {
    const { text } = await ask(address, { signal: mine.signal });
    if (running !== mine) return;
    if (push) history[replace ? "replaceState" : "pushState"](null, "", address);
    before?.();
    show(text, focus);
  } catch (error) {
    if (running === mine) throw error;
  } finally {
    if (running === mine) main.classList.remove("busy"), (running = null);
  }
}

/** The tab and the menu name the page that is shown, also where its main part alone was asked for. @param {Element} main */
function name(main) {
  document.title = main.querySelector(":scope > title")?.textContent ?? document.title;
  const links = /** @type {HTMLAnchorElement[]} */ ([...document.querySelectorAll(".side :is(li, h2) > a")]), at = `${location.pathname}/`;
  const here = links.filter(({ pathname }) => at.startsWith(`${pathname}/`)).sort((one, other) => other.pathname.length - one.pathname.length)[0];
  for (const one of links) one === here ? one.setAttribute("aria-current", "page") : one.removeAttribute("aria-current");
}

/** @param {string} html @param {string} [focus] */
export function show(html, focus) {
  const main = document.getElementById("main"), at = document.activeElement;
  running = (running?.abort(), null); // what was asked for earlier and answers later is not shown over this
  if (!main) return;
  const [field, caret] = at instanceof HTMLInputElement ? [at.name ? `[name="${at.name}"]` : null, at.selectionStart] : [null, null];
  put(main, html);
  name(main);
  main.classList.remove("busy");
  const next = document.querySelector(focus ?? field ?? "#none");
  if (next instanceof HTMLElement) next.focus({ preventScroll: !focus });
  if (next instanceof HTMLInputElement && caret !== null && next.type === "search") next.setSelectionRange(caret, caret);
  main.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

/** The address that a form of filters stands for, without empty fields. @param {HTMLFormElement} form */
function addressOf(form) {
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) given.append(name, String(value));
  return form.action.split("?")[0] + (given.size ? `?${given}` : "");
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element && event.target.closest("a[data-swap]");
  if (!(link instanceof HTMLAnchorElement) || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  // A filter keeps the focus; otherwise it goes where the link says.
  const { swap = "" } = link.dataset;
  visit(link.href, { focus: swap === "." ? `[aria-current][data-swap="."], .chip` : swap || undefined });
});

/** Send a form and show what follows; one that is refused keeps what was typed, unless a page is to be shown instead. @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function send(form, button) {
  form.classList.add("busy");
  const answer = await ask(button?.getAttribute("formaction") ?? form.action, { body: new URLSearchParams(/** @type {any} */ (new FormData(form, button))) }).catch(() => null);
  form.classList.remove("busy");
  if (!answer?.ok && !answer?.instead) return answer?.text && problem(answer.text, form);
  if (answer.ok && answer.url !== location.href) history.pushState(null, "", answer.url);
  const texts = () => /** @type {HTMLTextAreaElement[]} */ ([...document.querySelectorAll("main textarea")]), typed = texts().map(({ value }) => value);
  show(answer.text);
  if (answer.instead) texts().forEach((one, n) => typed[n] && ((one.value = typed[n]), one.closest("details")?.setAttribute("open", "")));
  say(document.querySelector("main :is([role=alert], [role=status])")?.textContent ?? "");
}

/** Say above the form, or above the list, why it was refused. @param {string} html @param {Element | null} [place] */
export function problem(html, place) {
  const said = document.createElement("div"), shown = document.createElement("p");
  put(said, html);
  [shown.className, shown.role] = ["error", "alert"];
  shown.textContent = said.querySelector(".problem p")?.textContent ?? "That did not work.";
  document.querySelectorAll("main .error[role=alert]").forEach((one) => one.remove());
  place ? place.prepend(shown) : document.querySelector(".tools, .tabs")?.before(shown);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || event.defaultPrevented) return;
  const posts = form.method === "post" && form.closest("main") && document.body.classList.contains("app");
  if (!posts && !("swap" in form.dataset)) return;
  event.preventDefault();
  if (form.classList.contains("busy")) return;
  posts ? send(form, event.submitter) : search(form, 0);
});

/** @type {ReturnType<typeof setTimeout> | undefined} */ let typing;
/** Show what a form finds, after a moment. However it was typed, one search is one step back. @param {HTMLFormElement} form @param {number} wait */
const search = (form, wait) => (clearTimeout(typing), (typing = setTimeout(() => visit(addressOf(form), { replace: new URL(location.href).searchParams.has("q") || addressOf(form) === location.href }), wait)));
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement) || field.type !== "search" || !field.form || !("swap" in field.form.dataset)) return;
  search(field.form, 200);
});

addEventListener("popstate", () => {
  document.querySelectorAll("dialog[open]").forEach((one) => /** @type {HTMLDialogElement} */ (one).close("history"));
  visit(location.href, { push: false });
});

for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-theme-switch]"))) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = getComputedStyle(document.body).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches) ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=strict`;
  });
}
