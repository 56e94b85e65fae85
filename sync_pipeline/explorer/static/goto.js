// @ts-check
// Ctrl+K: go to a page of the menu by a part of its name.
const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector("dialog.goto"));
const field = dialog?.querySelector("input"), list = dialog?.querySelector("ul");

function fill() {
  if (!field || !list) return;
  const words = field.value.toLowerCase().split(/\s+/);
  list.replaceChildren();
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll(".side a"))) {
    const place = link.closest("section")?.querySelector("h2 .clip")?.textContent, name = [place, (link.querySelector(".clip") ?? link).textContent?.trim()].filter(Boolean).join(" › "), also = link.dataset.also ?? "";
    if (list.children.length === 12 || !words.every((word) => `${name} ${also}`.toLowerCase().includes(word))) continue;
    const item = document.createElement("li"), to = document.createElement("a");
    [to.href, to.textContent] = [link.href, name];
    item.append(to);
    list.append(item);
  }
}

document.addEventListener("keydown", (event) => {
  if (!dialog || !field || event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  field.value = "";
  fill();
  if (!dialog.open) dialog.showModal();
});
field?.addEventListener("input", fill);
field?.addEventListener("keydown", (event) => event.key === "Enter" && list?.querySelector("a")?.click());
dialog?.addEventListener("click", (event) => event.target === dialog && dialog.close());
