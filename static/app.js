// Small comforts on pages that work without them: shortcuts, copying, themes, "3 hours ago", guesses, a note when loading fails.
const me = document.querySelector("script[data-hotkey-src]");
const page = document.documentElement;

const shortcuts = async root => {
  const named = root.querySelectorAll("[data-hotkey]");
  if (!named.length || localStorage.getItem("shortcuts") === "off") return;
  const { install } = await import(me.dataset.hotkeySrc);
  for (const el of named) install(el);
};

// Times come in the reader's own zone from the server; recent ones are told as distance, the exact time stays in the tooltip.
const distance = new Intl.RelativeTimeFormat(page.lang, { numeric: "auto" });
const tellTimes = root => {
  for (const el of root.querySelectorAll("time[data-rel]")) {
    const seconds = (Date.parse(el.dateTime) - Date.now()) / 1000, far = Math.abs(seconds);
    if (far < 60) el.textContent = seconds > 0 ? "in a moment" : "just now";
    else if (far < 3600) el.textContent = distance.format(Math.round(seconds / 60), "minute");
    else if (far < 86400) el.textContent = distance.format(Math.round(seconds / 3600), "hour");
    else if (far < 604800) el.textContent = distance.format(Math.round(seconds / 86400), "day");
  }
};

const say = text => {
  const note = Object.assign(document.createElement("div"), { className: "i-toast", textContent: text });
  document.getElementById("toasts").replaceChildren(note);
  setTimeout(() => note.remove(), 4000);
};

// Browsers still report some zones by names that the list of zones has since replaced.
const RENAMED = { "Asia/Katmandu": "Asia/Kathmandu", "Asia/Calcutta": "Asia/Kolkata", "Asia/Saigon": "Asia/Ho_Chi_Minh", "Asia/Rangoon": "Asia/Yangon", "Europe/Kiev": "Europe/Kyiv", "America/Buenos_Aires": "America/Argentina/Buenos_Aires", "Atlantic/Faeroe": "Atlantic/Faroe" };
const EURO = "AT BE CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK BG".split(" ");
const CURRENCY = { US: "USD", GB: "GBP", NP: "NPR", IN: "INR", JP: "JPY", CA: "CAD", AU: "AUD", NZ: "NZD", CH: "CHF", SE: "SEK", NO: "NOK", DK: "DKK", PL: "PLN", CZ: "CZK", HU: "HUF", RO: "RON", TR: "TRY", AE: "AED", SA: "SAR", SG: "SGD", HK: "HKD", CN: "CNY", KR: "KRW", TH: "THB", VN: "VND", ID: "IDR", MY: "MYR", PH: "PHP", PK: "PKR", BD: "BDT", LK: "LKR", BR: "BRL", MX: "MXN", AR: "ARS", CL: "CLP", CO: "COP", ZA: "ZAR", NG: "NGN", KE: "KES", EG: "EGP", IL: "ILS" };
const guesses = {
  timezone: () => { const zone = Intl.DateTimeFormat().resolvedOptions().timeZone; return RENAMED[zone] ?? zone; },
  currency: () => { const region = new Intl.Locale(navigator.language).maximize().region; return EURO.includes(region) ? "EUR" : CURRENCY[region]; },
};
for (const el of document.querySelectorAll("select[data-guess]")) {
  const guess = guesses[el.dataset.guess]();
  if (!el.closest("form").querySelector("[aria-invalid]") && [...el.options].some(option => option.value === guess)) el.value = guess;
}

document.querySelector('[aria-invalid="true"]')?.focus();

const dress = root => { tellTimes(root); return shortcuts(root); };
await dress(document);
document.addEventListener("htmx:afterSettle", event => dress(event.target)); // htmx 2
for (const name of ["htmx:historyRestore", "htmx:after:swap"]) document.addEventListener(name, () => dress(document)); // back and forward; htmx 4
const fail = event => event?.target?.closest?.('[data-poll]:not([data-poll=""])') || say("Could not load that. Please try again."); // what asks by itself asks again
for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:error", "htmx:historyCacheMissLoadError"]) document.addEventListener(failure, fail);

// Back and forward ask the server. The newest wish wins: htmx 2 would show whichever answer comes last, under the other's address.
let restoring;
document.addEventListener("htmx:historyCacheMiss", event => {
  restoring?.abort();
  restoring = event.detail.xhr;
  restoring.addEventListener("error", fail);
  for (const part of document.querySelectorAll("#results")) htmx.trigger(part, "htmx:abort"); // htmx throws where there is none
});
document.addEventListener("htmx:beforeSend", event => { if (event.target.closest("[hx-push-url]")) restoring?.abort(); });

document.addEventListener("click", async event => {
  const copier = event.target.closest("[data-copy], [data-copy-from], [data-copy-address]");
  if (!copier) return;
  const { copy, copyFrom } = copier.dataset; // neither: the address, which is what the list shows
  const text = copy ?? (copyFrom ? document.getElementById(copyFrom).textContent : location.href);
  try { await navigator.clipboard.writeText(text); say("Copied"); } catch { say("This browser does not allow copying; please select the text."); }
});

// A passkey that was not made or used says so; without this a press on its button would seem to do nothing.
document.addEventListener("allauth.error", event => {
  event.preventDefault();
  const isNumber = /^[\d.:[\]]+$/.test(location.hostname);
  say(isNumber ? `A passkey belongs to a name, and ${location.hostname} is none: open this page at localhost.` : "No passkey was used. Please try again.");
});

// Live parts ask anew every 3 s while somebody is about, every minute when not, and not at all in a hidden tab. Those that name their
// seconds ask so often, until nobody has been about for five minutes.
const ACTIVE = 3000, IDLE = 60000, AWAY = 300000;
let sign = Date.now(), asked = Date.now();
for (const name of ["pointermove", "pointerdown", "keydown", "scroll", "focus"]) addEventListener(name, () => { sign = Date.now(); }, { passive: true, capture: true });
setInterval(() => {
  const now = Date.now();
  if (document.hidden) return;
  const isDue = now - asked >= (now - sign < IDLE ? ACTIVE : IDLE);
  if (isDue) asked = now;
  for (const el of document.querySelectorAll("[data-poll]")) {
    const own = 1000 * el.dataset.poll;
    el.asked ??= now;
    if (own ? now - el.asked < own || now - sign > AWAY : !isDue) continue;
    el.asked = now;
    el.dispatchEvent(new Event("poll"));
  }
}, 500);

// Bulk: how many are chosen, and all of the page at once.
document.addEventListener("change", event => {
  const form = event.target.closest("[data-bulk]");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[name=id]")];
  if (event.target.matches("[data-check-all]")) for (const box of boxes) box.checked = event.target.checked;
  const told = form.querySelector("[data-selected]"), chosen = boxes.filter(box => box.checked).length;
  told.dataset.rest ??= told.textContent;
  told.textContent = chosen ? `${chosen} selected` : told.dataset.rest;
});

// Escape closes the layer on top, and leads nowhere while there is one.
document.addEventListener("keydown", event => { if (event.key === "Escape" && document.querySelector(":popover-open")) event.stopPropagation(); }, true);

// J and K walk the rows of a list, Enter opens one; a page whose own links have these keys keeps them.
document.addEventListener("keydown", event => {
  const step = { j: 1, k: -1 }[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem("shortcuts") === "off") return;
  if (event.target.closest?.("input:not([type=checkbox], [type=radio]), select, textarea") || document.querySelector('[data-hotkey="j"], [data-hotkey="k"]')) return;
  const links = [...document.querySelectorAll("#results .i-row-link")], rowOf = link => link?.closest("tr, li");
  const rows = links.filter((link, at) => rowOf(link) !== rowOf(links[at - 1])); // a row may have several
  const here = rows.findIndex(row => rowOf(row)?.contains(document.activeElement));
  rows[Math.max(0, Math.min(rows.length - 1, here < 0 ? 0 : here + step))]?.focus();
});

document.addEventListener("change", event => { // said before it travels; the server refuses it too
  const { largest, largestSum } = event.target.dataset ?? {}, files = [...event.target.files ?? []];
  const file = files.find(each => each.size > largest), isMuch = files.reduce((sum, each) => sum + each.size, 0) > largestSum - 65536;
  if (!file && !isMuch) return;
  event.target.value = "";
  say(file ? `${file.name} is over ${largest / 1048576} MB: please send it in parts.` : `That is over ${largestSum / 1048576} MB: please send it in parts.`);
});

document.addEventListener("submit", event => {
  if (event.target.matches("[data-theme-toggle]")) {
    event.preventDefault();
    const theme = page.classList.toggle("dark") ? "dark" : "light";
    document.querySelector("meta[name=color-scheme]").content = theme;
    for (const button of document.querySelectorAll("[data-theme-toggle] button")) button.value = theme === "dark" ? "light" : "dark";
    document.cookie = `theme=${theme};path=/;max-age=31536000;samesite=lax${location.protocol === "https:" ? ";secure" : ""}`;
  }
  if (event.target.matches("[data-once]")) { // a second click makes no second thing
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  }
});
addEventListener("pageshow", () => { for (const form of document.querySelectorAll("[data-once]")) delete form.dataset.sent; });

page.dataset.ready = ""; // keys and clicks are heard from here on
