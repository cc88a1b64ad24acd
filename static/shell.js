// The frame of a page: the command box, the sheet of keys, and what remembers that somebody wants no single-key shortcuts.
const LIST = "j/k walk a list\nEnter open what has the focus\nx select the row that has the focus\nShift+X select all from the last selected one to here\ne export the list as CSV".split("\n").map(line => line.split(/ (.*)/));
const isOn = () => localStorage.getItem("shortcuts") !== "off";
const isTyping = target => target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");

// The command box is a link to the search page; with a script it opens over the page.
const box = document.getElementById("command");
const input = document.getElementById("command-q"), list = document.getElementById("command-found");
const options = () => [...list.querySelectorAll("[role=option]")];
const choose = option => {
  for (const each of options()) each.setAttribute("aria-selected", each === option);
  if (option) { input.setAttribute("aria-activedescendant", option.id); option.scrollIntoView({ block: "nearest" }); }
  else input.removeAttribute("aria-activedescendant");
};
const settle = () => { const found = options(); input.setAttribute("aria-expanded", found.length > 0); choose(found[0]); };
const open = () => { if (!box.open) { document.querySelector("dialog:popover-open")?.hidePopover(); box.showModal(); } input.select(); };
if (box) {
  document.addEventListener("click", event => {
    if (!event.target.closest("[data-command]") || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", event => { // not a single key: it works in fields too, and cannot be switched off
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    event.preventDefault();
    open();
  });
  input.addEventListener("keydown", event => {
    const found = options(), here = found.findIndex(each => each.getAttribute("aria-selected") === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && found.length) { event.preventDefault(); choose(found[(here + step + found.length) % found.length]); }
    if (event.key === "Enter") { event.preventDefault(); if (found[here]) found[here].click(); else input.dataset.wanted = "yes"; }
    else delete input.dataset.wanted;
  });
  for (const name of ["htmx:afterSettle", "htmx:after:swap"]) document.addEventListener(name, () => {
    settle();
    if (input.dataset.wanted && options().length) options()[0].click(); // Enter came before the answer
  });
  box.addEventListener("click", event => { if (event.target === box) box.close(); });
}

// The sheet of keys: what the page's own controls declare, and what every list knows.
const sheet = document.getElementById("keys");
const name = el => el.getAttribute("aria-label") || el.textContent.trim() || el.placeholder;
const tellKeys = () => {
  const rows = [...document.querySelectorAll("[data-hotkey]")].map(el => [el.dataset.hotkey, name(el)]);
  const seen = new Set();
  const all = [...rows, ...(document.querySelector("#results") ? LIST : [])].filter(([keys]) => !seen.has(keys) && seen.add(keys));
  document.getElementById("keys-here").replaceChildren(...all.flatMap(([keys, text]) => {
    const term = document.createElement("dt"), told = document.createElement("dd");
    for (const key of keys.split(",")[0].split(/[ /](?=.)/)) term.append(Object.assign(document.createElement("kbd"), { textContent: key }), " ");
    told.textContent = text;
    return [term, told];
  }));
};
if (sheet) sheet.addEventListener("toggle", () => { if (sheet.matches(":popover-open")) tellKeys(); });

let picked; // where a range of rows begins
document.addEventListener("keydown", event => {
  if (!isOn() || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || box?.open) return;
  const row = document.activeElement?.closest("#results tr, #results li");
  const own = key => document.querySelector(`[data-hotkey="${key}"]`);
  if (event.key === "?" && sheet && !own("?")) { event.preventDefault(); sheet.togglePopover(); }
  if (event.key === "e" && !own("e")) document.querySelector('#results a[href*="export=csv"]')?.click();
  const pick = row?.querySelector("input[type=checkbox]");
  if (event.key === "x" && pick && !own("x")) { pick.click(); picked = pick; }
  if (event.key === "X" && pick && !own("Shift+X")) {
    const boxes = [...document.querySelectorAll("#results input[name=id]")], ends = [boxes.indexOf(picked), boxes.indexOf(pick)].filter(at => at >= 0);
    for (const each of boxes.slice(Math.min(...ends), Math.max(...ends) + 1)) if (!each.checked) each.click();
    picked = pick;
  }
});

// Single-key shortcuts can be switched off (WCAG 2.1.4); the choice stays in this browser.
for (const el of document.querySelectorAll("[data-shortcuts]")) {
  el.checked = isOn();
  el.closest("[hidden]")?.removeAttribute("hidden");
  el.addEventListener("change", () => { localStorage.setItem("shortcuts", el.checked ? "on" : "off"); location.reload(); });
}

// The menu is longer than most windows: where one is stands in sight, also when a phone opens it.
const side = document.getElementById("side");
const showHere = () => {
  const here = side.querySelector("[aria-current=page]");
  if (here && here.offsetTop + here.offsetHeight > side.clientHeight) side.scrollTop = here.offsetTop - side.clientHeight / 2;
};
if (side) { showHere(); side.addEventListener("toggle", showHere); }

// Tabs are wider than a phone: the one that is open is in sight, too.
for (const tab of document.querySelectorAll(".i-tabs [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft += tab.getBoundingClientRect().right - row.getBoundingClientRect().right;
}

// A menu of many apps is narrowed by what is typed.
document.addEventListener("input", event => {
  if (!event.target.matches("[data-narrows]")) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of document.getElementById(event.target.dataset.narrows).querySelectorAll("li:has(.i-tile)")) item.hidden = !item.textContent.toLowerCase().includes(wanted);
});

// A view is what the list shows now, which the address tells; the form was written when the page was.
document.addEventListener("submit", event => {
  const query = event.target.querySelector?.("[data-query]");
  if (query) query.value = location.search.slice(1);
}, true);
