// Incenta's widgets: seven custom elements for a merchant's own pages, as they are served: no build, no dependency.
// They live in shadow roots, style themselves by constructed sheets and build every node by hand, so a strict Content-Security-Policy
// needs no more than this file's origin in script-src and connect-src. docs/widgets.md tells how to use them.

const HOME = new URL(import.meta.url).origin;
const SECRET = /(?:^|[^\w])(?:inc_(?:live|test|sig)_|whsec_)/; // what must never stand in a page
const PUBLISHABLE = /^inc_pub_/;
const PATIENCE = 20_000;

// Every word that a visitor reads. Object.assign(labels, {copy: "Kopieren"}) puts a page into another language.
export const labels = {
  share: "Share your link", status: "Your referrals", leaderboard: "Leaderboard", listings: "Rewards to redeem", listing: "Reward", redemptions: "Your redeemed rewards", redeem: "Redeem",
  loading: "Loading", again: "Try again", copy: "Copy", copied: "Copied", notCopied: "Please select the text and copy it.",
  link: "Your link", code: "Your code", shareWith: "Share…", whatsapp: "WhatsApp", email: "E-mail", invite: url => `I thought you would like this: ${url}`, subject: "An invitation",
  made: "Links shared", clicked: "Opened by friends", converted: "Friends who joined", earned: "Earned", pending: "On the way", paid: "Paid out",
  rank: "Rank", name: "Name", you: "you", place: (rank, of) => `You are at place ${rank} of ${of}.`,
  points: { xp: n => `${n} XP`, coins: n => `${n} ${n === "1" ? "coin" : "coins"}`, tokens: n => `${n} ${n === "1" ? "token" : "tokens"}`, referrals: n => `${n} ${n === "1" ? "referral" : "referrals"}` },
  score: { xp: "XP", coins: "Coins", tokens: "Tokens", referrals: "Referrals" },
  free: "Free", instead: "instead of", off: what => `${what} off`, have: what => `You have ${what}.`, short: what => `You need ${what} more.`, soldOut: "Sold out",
  view: "View", back: "Back to all", more: "Show more", terms: "Terms", until: day => `Until ${day}`, usable: day => `Use it by ${day}`, newTab: "opens in a new tab",
  redeemFor: price => `Redeem for ${price}`, sure: (price, title) => `Spend ${price} on “${title}”?`, yes: "Yes, redeem", no: "Not now", sending: "Redeeming…",
  yours: "It is yours. Your code:", showIt: who => `Show it at ${who}.`, visit: who => `Go to ${who}`, review: "It is being looked at first: the code works as soon as that is done.",
  states: { PENDING: "Ready to use", FULFILLED: "Used", CANCELLED: "Cancelled", EXPIRED: "Expired", HELD: "In review" },
  none: { share: "There is nothing to share at the moment.", status: "Share your link, and see here what comes of it.", leaderboard: "Nobody is on the board yet.", listings: "There is nothing to redeem at the moment.", redemptions: "You have not redeemed anything yet." },
  wrong: { offline: "That did not load. Please check your connection.", busy: "Too many at once. Please try again in a minute.", signIn: "Please sign in to see this.", shut: "This is not available here.", gone: "This is no longer on offer.", fault: "Something went wrong. Please try again.", insufficient_balance: "You do not have enough for this yet.", out_of_stock: "Somebody was quicker: there is none left.", user_limit: "You have redeemed this as often as you can.", on_hold: "Your account is being looked at, and cannot redeem until that is done.", campaign_not_active: "There is nothing to share at the moment." },
};

const SHEET = new CSSStyleSheet();
SHEET.replaceSync(`
:host { display: block; box-sizing: border-box; min-width: 0; color: var(--text); font-family: var(--font, inherit); font-size: 1rem; line-height: 1.5; text-align: start; overflow-wrap: anywhere;
  --text: light-dark(#191d25, #eceef2); --soft: light-dark(#555d6b, #aab2c0); --line: light-dark(#d6dae2, #3b424f); --edge: light-dark(#858d9a, #7f8897); --back: light-dark(#ffffff, #16191f); --tint: light-dark(#f3f5f8, #22272f); --bad: light-dark(#a8201a, #ffb3ab);
  --radius: 10px; --primary: #2457d6; --on: #ffffff; --ink: light-dark(#2457d6, #9db8ff); }
@supports not (color: light-dark(#000, #fff)) { :host { --text: #191d25; --soft: #555d6b; --line: #d6dae2; --edge: #858d9a; --back: #ffffff; --tint: #f3f5f8; --bad: #a8201a; --ink: #2457d6; } }
:host([hidden]) { display: none; }
:host([theme=light]) { color-scheme: light; } :host([theme=dark]) { color-scheme: dark; } :host([theme=auto]) { color-scheme: light dark; }
*, ::before { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
.box { display: grid; gap: .75rem; padding: 1.1rem 1.25rem 1.25rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--back); }
.box:focus { outline: none; }
[role=heading] { font-size: 1.125rem; font-weight: 650; line-height: 1.3; }
.title { font-size: 1rem; }
.body { display: grid; gap: .85rem; min-width: 0; }
.soft { color: var(--soft); font-size: .875rem; }
.row { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.grow { flex: 1 1 12rem; min-width: 0; }
a, button, input { font: inherit; font-size: .9375rem; min-height: 2.5rem; border-radius: calc(var(--radius) * .7); }
button, .button { display: inline-flex; align-items: center; justify-content: center; padding: .35rem .9rem; border: 1px solid var(--edge); background: transparent; color: var(--text); font-weight: 550; text-decoration: none; cursor: pointer; }
button:hover, .button:hover { background: var(--tint); }
.main { border-color: var(--primary); background: var(--primary); color: var(--on); }
.main:hover { background: var(--primary); text-decoration: underline; }
button:disabled { border-color: var(--line); background: var(--tint); color: var(--soft); cursor: not-allowed; text-decoration: none; }
a:not(.button) { color: var(--ink); }
:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; }
input { width: 100%; padding: .35rem .7rem; border: 1px solid var(--edge); background: var(--back); color: var(--text); text-overflow: ellipsis; }
ul, dl { padding: 0; list-style: none; display: grid; gap: .75rem; }
dl { grid-template-columns: repeat(auto-fill, minmax(min(7.5rem, 100%), 1fr)); }
.cards { grid-template-columns: repeat(auto-fill, minmax(min(14rem, 100%), 1fr)); }
dl > div, li { padding: .7rem .85rem; border-radius: calc(var(--radius) * .8); background: var(--tint); min-width: 0; }
.cards > li { display: flex; flex-direction: column; gap: .4rem; border: 1px solid var(--line); background: var(--back); }
.cards > li > :last-child { margin-block-start: auto; align-self: start; }
dt { color: var(--soft); font-size: .8125rem; } dd { font-size: 1.125rem; font-weight: 650; font-variant-numeric: tabular-nums; }
table { width: 100%; border-collapse: collapse; font-size: .9375rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .6rem; border-block-end: 1px solid var(--line); text-align: start; font-weight: inherit; } thead th { color: var(--soft); font-size: .8125rem; } tbody tr:last-child > * { border: 0; }
.number { text-align: end; } .you { font-weight: 650; background: var(--tint); }
img { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: cover; border-radius: calc(var(--radius) * .6); background: var(--tint); }
.price { font-weight: 650; color: var(--ink); } s { color: var(--soft); font-weight: 400; }
code { display: inline-block; padding: .3rem .6rem; border: 1px dashed var(--edge); border-radius: calc(var(--radius) * .6); font: 600 1.05rem ui-monospace, Menlo, monospace; letter-spacing: .03em; user-select: all; }
.bad { color: var(--bad); }
dialog { width: min(26rem, calc(100vw - 2rem)); padding: 1.25rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--back); color: var(--text); } dialog[open] { display: grid; gap: 1rem; margin: auto; } dialog::backdrop { background: #0008; }
.wait { height: 3.25rem; border-radius: calc(var(--radius) * .8); background: var(--tint); } .wait:last-of-type { width: 60%; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.probe { display: none; }
@media (prefers-reduced-motion: no-preference) { .wait { animation: wait 1.4s ease-in-out infinite alternate; } @keyframes wait { to { opacity: .45; } } }
@media (forced-colors: active) { .main { border: 2px solid ButtonText; } .you { outline: 1px solid Highlight; } }`);

// --- colours: whatever the merchant's primary colour is, text on it and text in it can be read --------------------------------
const luminance = rgb => rgb.map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const contrast = (a, b) => { const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y); return (high + .05) / (low + .05); };
const css = rgb => `rgb(${rgb.map(c => Math.round(c * 255)).join(" ")})`;
const readable = (rgb, back, towards) => {
  for (let part = 0; part < 1; part += .05) {
    const mixed = rgb.map((c, i) => c + (towards[i] - c) * part);
    if (contrast(mixed, back) >= 4.6) return css(mixed);
  }
  return css(towards);
};
const WHITE = [1, 1, 1], BLACK = [0, 0, 0], LIGHT = [.953, .961, .973], DARK = [.133, .153, .184];

// --- nodes ------------------------------------------------------------------------------------------------------------------
const make = (tag, props, ...inside) => {
  const [name, ...classes] = tag.split("."), node = document.createElement(name);
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props ?? {})) {
    if (typeof value === "function") node.addEventListener(key, value);
    else if (value != null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...inside.flat().filter(each => each != null && each !== false));
  return node;
};
const web = text => { try { const url = new URL(text); return /^https?:$/.test(url.protocol) ? url.href : null; } catch { return null; } };

// --- tokens -----------------------------------------------------------------------------------------------------------------
const claims = token => {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch { return {}; }
};
const isOver = token => claims(token).exp * 1000 < Date.now() + 5000; // without an end it is the server that tells
const fetched = new Map(); // token-url → the promise of a token: one request for all widgets of a page

class Trouble extends Error {
  constructor(code, message, more) { super(message ?? code); Object.assign(this, { code }, more); }
}

class Widget extends HTMLElement {
  static observedAttributes = ["app-id", "key", "token", "token-url", "user-id", "api-url", "primary-color", "border-radius", "font-family", "theme", "heading-level", "limit", "listing-id", "campaign-id", "period", "metric", "category"];
  #root = this.attachShadow({ mode: "open" });
  #sheet = new CSSStyleSheet();
  #probe = make("i.probe", { "aria-hidden": "true" });
  #title = make("div", { role: "heading", id: "title", part: "heading" });
  #body = make("div.body", { part: "body" });
  #said = make("p.sr", { role: "status" });
  #box = make("div.box", { role: "group", "aria-labelledby": "title", tabindex: "-1", part: "box" }, this.#title, this.#body, make("slot"), this.#said);
  #turn = 0;
  #planned = false;
  #given;
  #gone;

  constructor() {
    super();
    this.#sheet.replaceSync(":host {} .probe {}");
    this.#root.adoptedStyleSheets = [SHEET, this.#sheet];
    this.#root.append(this.#box, this.#probe);
  }

  connectedCallback() {
    this.#title.replaceChildren(make("slot", { name: "heading" }, labels[this.kind]));
    this.#gone = new AbortController();
    this.ownerDocument.addEventListener("incenta:redeemed", event => { if (this.hearsRedeemed && !event.composedPath().includes(this)) this.refresh(); }, { signal: this.#gone.signal });
    this.#dress();
    this.refresh();
  }
  disconnectedCallback() { this.#gone.abort(); this.#turn++; }
  attributeChangedCallback(name, before, after) {
    if (!this.isConnected || before === after) return;
    if (name === "token") this.#given = undefined;
    if (["primary-color", "border-radius", "font-family", "theme", "heading-level"].includes(name)) this.#dress();
    else this.refresh();
  }

  // What a page may call: asks again and shows what comes. Several changes at once are one.
  refresh() {
    if (this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => { this.#planned = false; if (this.isConnected) this.#run(); });
  }

  // --- what it looks like -----------------------------------------------------------------------------------------------
  #dress() {
    const [host, probe] = this.#sheet.cssRules, set = (name, property, value) => value && CSS.supports(property, value) ? host.style.setProperty(name, value) : host.style.removeProperty(name);
    const radius = this.getAttribute("border-radius")?.trim();
    set("--radius", "border-radius", /^\d+(\.\d+)?$/.test(radius) ? `${radius}px` : radius);
    set("--font", "font-family", this.getAttribute("font-family"));
    set("--primary", "color", this.getAttribute("primary-color"));
    for (const name of ["--on", "--ink"]) host.style.removeProperty(name);
    probe.style.setProperty("color", "color-mix(in srgb, var(--primary), var(--primary))");
    const found = getComputedStyle(this.#probe).color, numbers = found.match(/-?[\d.]+(?:e-?\d+)?/g)?.slice(0, 3).map(Number);
    if (numbers?.length === 3 && this.hasAttribute("primary-color")) {
      const rgb = numbers.map(each => Math.min(1, Math.max(0, found.startsWith("rgb") ? each / 255 : each)));
      host.style.setProperty("--on", contrast(rgb, WHITE) >= contrast(rgb, BLACK) ? "#ffffff" : "#000000");
      const light = readable(rgb, LIGHT, BLACK);
      host.style.setProperty("--ink", CSS.supports("color", "light-dark(#000, #fff)") ? `light-dark(${light}, ${readable(rgb, DARK, WHITE)})` : light);
    }
    const level = Number(this.getAttribute("heading-level"));
    this.level = level >= 1 && level <= 5 ? level : 2;
    this.#title.setAttribute("aria-level", this.level);
  }
  get language() { return this.closest("[lang]")?.lang || navigator.language; }
  number(value) { return new Intl.NumberFormat(this.language).format(value); }
  day(time) { return new Intl.DateTimeFormat(this.language, { dateStyle: "medium" }).format(new Date(time)); }
  amount(value, asset) {
    const points = { XP: "xp", COIN: "coins", TOKEN: "tokens" }[asset];
    if (points) return this.points(points, value);
    try { return new Intl.NumberFormat(this.language, { style: "currency", currency: asset }).format(value); } catch { return `${this.number(value)} ${asset}`; }
  }
  points(kind, value) { return labels.points[kind](this.number(value)); }
  price(offer, coins = offer.coinCost, tokens = offer.tokenCost) { return [coins && this.points("coins", coins), tokens && this.points("tokens", tokens)].filter(Boolean).join(" + ") || labels.free; }
  heading(text, id) { return make("div.title", { role: "heading", "aria-level": this.level + 1, id }, text); }
  say(text) { this.#said.textContent = ""; requestAnimationFrame(() => { this.#said.textContent = text; }); }
  tell(name, detail, cancelable = false) { return this.dispatchEvent(new CustomEvent(`incenta:${name}`, { bubbles: true, composed: true, cancelable, detail })); }
  copier(text, what, done) {
    return make("button", { type: "button", "aria-label": `${labels.copy}: ${what}`, click: async () => {
      try { await navigator.clipboard.writeText(text); this.say(labels.copied); done?.(); } catch { this.say(labels.notCopied); }
    } }, labels.copy);
  }
  show(nodes, focus) {
    const had = this.#root.activeElement;
    this.#body.replaceChildren(...nodes);
    this.#box.removeAttribute("aria-busy");
    if (focus) focus.focus(); else if (had && !had.isConnected) this.#box.focus();
  }

  // --- what it asks -----------------------------------------------------------------------------------------------------
  attribute(name, otherwise = "") { return this.getAttribute(name)?.trim() || otherwise; }
  get limit() { return Math.min(100, Math.max(1, Math.trunc(Number(this.attribute("limit"))) || 10)); }
  async #token(isRefused) {
    const own = this.attribute("token");
    if (!isRefused) for (const token of [this.#given, own]) if (token && !isOver(token)) return token;
    const url = this.attribute("token-url");
    if (url) {
      const kept = !isRefused && await fetched.get(url)?.catch(() => "");
      if (kept && !isOver(kept)) return kept;
      const asked = fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" }, cache: "no-store" }).then(async answer => {
        if (!answer.ok) throw new Trouble("user_token_required");
        const text = (await answer.text()).trim();
        return text.startsWith("{") ? JSON.parse(text).token : text;
      });
      fetched.set(url, asked);
      return this.#given = await asked;
    }
    let promised; // the page itself may have a newer one
    this.tell("token-needed", { userId: this.attribute("user-id") || null, provide: token => { promised = token; } });
    if (promised) return this.#given = await promised;
    return isRefused ? "" : own;
  }
  async user() {
    const token = await this.#token();
    if (!token) throw new Trouble("user_token_required");
    const { sub, aud } = claims(token), app = this.attribute("app-id"), user = this.attribute("user-id", sub);
    if (app && aud && aud !== app) throw new Trouble("user_token_invalid", `The user token is for ${aud}, and app-id is ${app}.`);
    if (sub && user !== sub) throw new Trouble("not_your_user", "user-id is not the user of the token.");
    if (!user) throw new Trouble("user_token_required");
    return user;
  }
  get hasUser() { return ["token", "token-url"].some(name => this.attribute(name)) || Boolean(this.#given); }
  async call(path, { body, once, alone } = {}) {
    const key = this.attribute("key"), base = this.attribute("api-url", HOME).replace(/\/+$/, "");
    let token = !alone ? await this.#token() : this.hasUser ? await this.#token().catch(() => "") : ""; // what is public is shown without a user, too
    for (let again = false; ; again = true) {
      if (SECRET.test(token)) throw new Trouble("secret_key_in_browser");
      const headers = { "x-api-key": key, ...(token && { "x-user-token": token }), ...(body && { "content-type": "application/json" }), ...(once && { "idempotency-key": once }) };
      const answer = await fetch(base + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), credentials: "same-origin", signal: AbortSignal.any([this.#gone.signal, AbortSignal.timeout(PATIENCE)]) })
        .catch(error => { throw new Trouble("offline", error.message); });
      const said = await answer.json().catch(() => null) ?? {};
      if (answer.ok && answer.headers.get("content-type")?.includes("json")) return said;
      if (answer.status === 401 && !again && token) {
        token = await this.#token(true).catch(() => "");
        if (token || alone) continue;
      }
      throw new Trouble(said.code ?? "fault", said.error, { status: answer.status, requestId: said.requestId });
    }
  }
  mine(path, more = "") { return this.user().then(user => this.call(`${path.replace("{user}", encodeURIComponent(user))}${more}`)); }
  query(values) { const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString(); return query ? `?${query}` : ""; }

  // --- loading, and what may come of it ---------------------------------------------------------------------------------
  async #run() {
    const turn = ++this.#turn;
    this.#box.setAttribute("aria-busy", "true");
    if (!this.#body.childElementCount) this.#body.replaceChildren(make("p.sr", null, labels.loading), make("div.wait"), make("div.wait"));
    try {
      for (const { name, value } of this.attributes) if (SECRET.test(value)) throw new Trouble("secret_key_in_browser", `The attribute ${name} holds a secret. Whoever opens this page can read it: revoke it now, and use a publishable key (inc_pub_…).`);
      if (!PUBLISHABLE.test(this.attribute("key"))) throw new Trouble("publishable_key_required", "The attribute key must hold a publishable key (inc_pub_…).");
      const data = await this.load();
      if (turn !== this.#turn) return;
      const nodes = this.draw(data);
      this.show(nodes ?? [make("p.soft", null, labels.none[this.kind])]);
      this.tell("loaded", { data });
    } catch (error) {
      if (turn === this.#turn) this.fail(error);
    }
  }
  wording(error) {
    const { wrong } = labels, { code, status } = error;
    if (wrong[code]) return wrong[code];
    if (/^user_token|^not_your_user/.test(code)) return wrong.signIn;
    if (code === "listing_not_found" || /^listing_/.test(code)) return wrong.gone;
    if (status === 429) return wrong.busy;
    if (status === 409) return error.message;
    return status >= 500 || !status && !/key/.test(code) ? wrong.fault : wrong.shut;
  }
  fail(error) {
    const trouble = error instanceof Trouble ? error : new Trouble("fault", String(error));
    const { code, message, requestId } = trouble;
    if (code === "campaign_not_active") this.show([make("p.soft", null, labels.none.share)]);
    else this.show([make("p.bad", { role: "alert" }, this.wording(trouble)), make("div.row", null, make("button", { type: "button", click: () => { fetched.clear(); this.refresh(); } }, labels.again))]);
    if (code !== "offline" || !this.#gone.signal.aborted) console.warn(`<${this.localName}> ${code}: ${message}${requestId ? ` (${requestId})` : ""}`);
    this.tell("error", { code, message, requestId });
  }
}

// --- the seven ----------------------------------------------------------------------------------------------------------------
class Share extends Widget {
  kind = "share";
  async load() {
    const campaign = this.attribute("campaign-id");
    return this.call("/v1/referrals", { body: { referrerId: await this.user(), ...(campaign && { campaignId: campaign }) } });
  }
  draw({ referralUrl: url, referralCode }) {
    const shared = method => this.tell("shared", { method, referralCode, referralUrl: url });
    const text = labels.invite(url), field = make("input", { value: url, readonly: true, "aria-label": labels.link, focus: event => event.target.select() });
    const link = (name, label, href, more) => make("a.button", { href, click: () => shared(name), ...more }, label);
    return [
      make("div.row", null, make("div.grow", null, field), this.copier(url, labels.link, () => shared("copy"))),
      make("p.soft", null, `${labels.code}: `, make("b", null, referralCode)),
      make("div.row", null,
        navigator.share && make("button.main", { type: "button", click: () => navigator.share({ text: labels.subject, url }).then(() => shared("native"), () => {}) }, labels.shareWith),
        link("whatsapp", labels.whatsapp, `https://wa.me/?text=${encodeURIComponent(text)}`, { target: "_blank", rel: "noopener noreferrer", "aria-label": `${labels.whatsapp} (${labels.newTab})` }),
        link("email", labels.email, `mailto:?subject=${encodeURIComponent(labels.subject)}&body=${encodeURIComponent(text)}`)),
    ];
  }
}

class Status extends Widget {
  kind = "status";
  load() { return this.mine("/v1/users/{user}/stats"); }
  draw({ referralsMade, rewardsByCurrency }) {
    const tile = (term, ...told) => make("div", null, make("dt", null, term), told.map(each => make("dd", null, each)));
    if (!referralsMade.total && !rewardsByCurrency.length) return null;
    const sums = name => rewardsByCurrency.length ? rewardsByCurrency.map(each => this.amount(each[name], each.currency)) : [this.number(0)];
    return [make("dl", null,
      ["made", "clicked", "converted"].map(name => tile(labels[name], this.number(referralsMade[name === "made" ? "total" : name]))),
      tile(labels.earned, ...sums("total")), tile(labels.pending, ...sums("pending")), tile(labels.paid, ...sums("paid")))];
  }
}

class Leaderboard extends Widget {
  kind = "leaderboard";
  get metric() { const metric = this.attribute("metric"); return ["coins", "referrals"].includes(metric) ? metric : "xp"; }
  async load() {
    const which = { period: this.attribute("period"), metric: this.attribute("metric") };
    const lines = await this.call(`/v1/incentives/leaderboard${this.query({ limit: this.limit, ...which })}`, { alone: true });
    const place = lines.length && this.hasUser && !lines.some(line => line.isYou) ? await this.mine("/v1/incentives/leaderboard/{user}", this.query(which)).catch(() => null) : null;
    return { lines, place };
  }
  draw({ lines, place }) {
    if (!lines.length) return null;
    const head = (text, name) => make(`th${name ?? ""}`, { scope: "col" }, text);
    return [
      make("table", { "aria-labelledby": "title" },
        make("thead", null, make("tr", null, head(labels.rank), head(labels.name), head(labels.score[this.metric], ".number"))),
        make("tbody", null, lines.map(line => make(line.isYou ? "tr.you" : "tr", null,
          make("td", null, this.number(line.rank)), make("th", { scope: "row" }, line.userId, line.isYou && ` (${labels.you})`), make("td.number", null, this.number(line[this.metric])))))),
      place && make("p.soft", null, labels.place(this.number(place.rank), this.number(place.of))),
    ].filter(Boolean);
  }
}

// What listings, a listing and the form have in common: how an offer looks, and what the user has.
class Market extends Widget {
  hearsRedeemed = true;
  offer(id) {
    if (!id) throw new Trouble("listing_not_found");
    return this.call(`/v1/incentives/marketplace/public/listings/${encodeURIComponent(id)}`, { alone: true });
  }
  balances() { return this.hasUser ? this.mine("/v1/incentives/balances/{user}") : Promise.resolve(null); }
  image(offer) { const src = web(offer.imageUrl); return src && make("img", { src, alt: "", loading: "lazy", referrerpolicy: "no-referrer", error: event => event.target.remove() }); }
  cost(offer) {
    const was = offer.promotion && this.price(offer, offer.regularCoinCost, offer.regularTokenCost);
    return make("p", null, make("span.price", null, this.price(offer)), was && [" ", make("span.sr", null, `${labels.instead} `), make("s", null, was)]);
  }
  benefit({ discount }) { return discount && labels.off(discount.type === "PERCENTAGE" ? `${this.number(discount.value)} %` : this.amount(discount.value, discount.currency)); }
  lacking(offer, has) {
    if (!offer.inStock) return labels.soldOut;
    const coins = has && Math.max(0, offer.coinCost - has.coins), tokens = has && Math.max(0, offer.tokenCost - has.tokens);
    return coins || tokens ? labels.short(this.price(offer, coins, tokens)) : "";
  }
  purse(has) { return has && make("p.soft", null, labels.have(this.price(null, has.coins, has.tokens || 0) === labels.free ? this.points("coins", 0) : this.price(null, has.coins, has.tokens))); }
  whole(offer) {
    const soft = text => text && make("p.soft", null, text);
    return [this.image(offer), this.heading(offer.title), soft([offer.business.name, this.benefit(offer)].filter(Boolean).join(" · ")), this.cost(offer), offer.description && make("p", null, offer.description),
      soft(offer.terms && `${labels.terms}: ${offer.terms}`), soft(offer.endsAt && labels.until(this.day(offer.endsAt)))].filter(Boolean);
  }
}

class Listings extends Market {
  kind = "listings";
  #page(page) { return this.call(`/v1/incentives/marketplace/public/listings${this.query({ limit: this.limit, page, category: this.attribute("category") })}`, { alone: true }); }
  async load() {
    const [found, balances] = await Promise.all([this.#page(1), this.balances().catch(() => null)]);
    return { ...found, balances };
  }
  draw({ listings, pagination, balances }) {
    if (!listings.length) return null;
    let page = 1;
    const list = make("ul.cards", { role: "list" }, listings.map(offer => this.#card(offer, balances)));
    const more = make("button", { type: "button", click: async () => {
      more.disabled = true;
      try {
        const next = await this.#page(++page), cards = next.listings.map(offer => this.#card(offer, balances));
        list.append(...cards);
        more.disabled = false;
        cards[0]?.querySelector("button").focus();
        if (page >= next.pagination.totalPages) more.remove();
      } catch (error) { this.fail(error); }
    } }, labels.more);
    this.redraw = focus => this.show([this.purse(balances), list, pagination.totalPages > page && more].filter(Boolean), focus);
    return [this.purse(balances), list, pagination.totalPages > 1 && more].filter(Boolean);
  }
  #card(offer, has) {
    const view = make("button", { type: "button", "aria-label": `${labels.view}: ${offer.title}`, click: () => {
      if (!this.tell("listing-selected", { listingId: offer.listingId, listing: offer }, true)) return;
      const back = make("button", { type: "button", click: () => this.redraw(view) }, labels.back);
      this.show([make("div.row", null, back), ...this.whole(offer)], back);
    } }, labels.view);
    const soft = text => text && make("p.soft", null, text);
    return make("li", null, this.image(offer), this.heading(offer.title), soft([offer.business.name, this.benefit(offer)].filter(Boolean).join(" · ")), this.cost(offer), soft(this.lacking(offer, has)), view);
  }
}

class Listing extends Market {
  kind = "listing";
  async load() {
    const [offer, balances] = await Promise.all([this.offer(this.attribute("listing-id")), this.balances().catch(() => null)]);
    return { offer, balances };
  }
  draw({ offer, balances }) {
    const lacking = this.lacking(offer, balances);
    return [...this.whole(offer), lacking && make("p.soft", null, lacking)].filter(Boolean);
  }
}

class RedeemForm extends Market {
  kind = "redeem";
  #once = "";
  async load() {
    const [offer, balances] = await Promise.all([this.offer(this.attribute("listing-id")), this.mine("/v1/incentives/balances/{user}")]);
    return { offer, balances };
  }
  draw({ offer, balances }) {
    const lacking = this.lacking(offer, balances), price = this.price(offer), wrong = make("p.bad", { role: "alert", hidden: true });
    const yes = make("button.main", { type: "submit" }, labels.yes), no = make("button", { type: "button", click: () => box.close() }, labels.no);
    const form = make("form.body", { method: "dialog", submit: event => { event.preventDefault(); this.#redeem(offer, { box, yes, no, wrong }); } },
      make("p", { id: "sure" }, labels.sure(price, offer.title)), wrong, make("div.row", null, yes, no));
    const box = make("dialog", { "aria-labelledby": "sure", cancel: event => { if (yes.disabled) event.preventDefault(); } }, form);
    const open = make("button.main", { type: "button", disabled: Boolean(lacking), "aria-describedby": lacking && "lacking", click: () => {
      // one name for this wish, however often it has to be sent
      this.#once ||= [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
      wrong.hidden = true;
      box.showModal();
    } }, labels.redeemFor(price));
    return [this.heading(offer.title), this.cost(offer), this.purse(balances), lacking && make("p.soft", { id: "lacking" }, lacking), make("div.row", null, open), box].filter(Boolean);
  }
  async #redeem(offer, { box, yes, no, wrong }) {
    for (const button of [yes, no]) button.disabled = true;
    this.say(labels.sending);
    try {
      const done = await this.call("/v1/incentives/marketplace/redeem", { body: { listingId: offer.listingId, userId: await this.user() }, once: this.#once });
      this.#once = "";
      box.close();
      this.#done(offer, done);
      this.tell("redeemed", done);
    } catch (error) {
      if (error.status && error.status !== 429 && error.status < 500 && error.code !== "idempotency_in_progress") this.#once = ""; // the answer stands: the next press is another wish
      for (const button of [yes, no]) button.disabled = false;
      wrong.textContent = this.wording(error instanceof Trouble ? error : new Trouble("fault"));
      wrong.hidden = false;
      yes.focus();
      this.tell("error", { code: error.code, message: error.message, requestId: error.requestId });
    }
  }
  #done(offer, { discountCode, expiresAt, business, holdReasons, balances }) {
    const told = make("p", { tabindex: "-1" }, labels.yours), url = web(business.url);
    this.show([this.heading(offer.title), told, make("div.row", null, make("code", null, discountCode), this.copier(discountCode, discountCode)),
      holdReasons?.length ? make("p.soft", null, labels.review) : null, make("p.soft", null, [labels.showIt(business.name), expiresAt && labels.usable(this.day(expiresAt))].filter(Boolean).join(" ")), this.purse(balances),
      url && make("div.row", null, make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, labels.visit(business.name), make("span.sr", null, ` (${labels.newTab})`)))].filter(Boolean), told);
    this.say(`${labels.yours} ${discountCode}`);
  }
}

class Redemptions extends Widget {
  kind = "redemptions";
  hearsRedeemed = true;
  load() { return this.user().then(userId => this.call(`/v1/incentives/marketplace/redemptions${this.query({ userId, limit: this.limit })}`)); }
  draw({ redemptions }) {
    if (!redemptions.length) return null;
    return [make("ul", { role: "list" }, redemptions.map(each => {
      const state = each.status === "PENDING" && each.holdReasons.length ? "HELD" : each.status, isGood = each.status === "PENDING";
      const told = [labels.states[state] ?? state, each.business.name, isGood && each.expiresAt ? labels.usable(this.day(each.expiresAt)) : this.day(each.redeemedAt)].join(" · ");
      return make("li", null, this.heading(each.listingTitle), make("p.soft", null, told), isGood && make("div.row", null, make("code", null, each.discountCode), this.copier(each.discountCode, each.discountCode)));
    }))];
  }
}

// A page's own modules run after this one: they put in its words, and listen for what a widget needs. So the elements come to life when
// the page is there. (Where this was loaded later than that, the second event is the one that is still to come.)
new Promise(done => {
  if (document.readyState === "complete") return done();
  document.addEventListener("DOMContentLoaded", done, { once: true });
  addEventListener("load", done, { once: true });
}).then(() => {
  for (const [name, element] of Object.entries({ "referral-share": Share, "referral-status": Status, "referral-leaderboard": Leaderboard, "marketplace-listings": Listings, "marketplace-listing-detail": Listing, "marketplace-user-redemptions": Redemptions, "marketplace-redeem-form": RedeemForm })) {
    if (!customElements.get(name)) customElements.define(name, element);
  }
});
