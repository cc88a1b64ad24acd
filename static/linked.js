// The picture of linked accounts, drawn by cytoscape: an aid beside the tables, which say all that it shows. What is told of a node is
// its row, so that the two never differ. Nothing here moves by itself.
const ROOM = 17000; // square pixels a node: where there is less, only numbers and letters are written, which the tables have, too
const MARGIN = 20, APART = 10;
let cy, chosen, drawn = "";
const unticked = new Set();

// --- how it looks: the page's colours, as a canvas understands them
const colour = name => {
  const probe = document.getElementById("graph");
  probe.style.color = `color-mix(in srgb, var(${name}), transparent 0%)`;
  const [red, green, blue] = (getComputedStyle(probe).color.match(/-?[\d.]+(?:e-?\d+)?/g) ?? [0, 0, 0]).map(part => Math.round(255 * Math.min(1, Math.max(0, part))));
  probe.style.color = "";
  return `rgb(${red}, ${green}, ${blue})`;
};
const mixed = (one, share) => {
  const part = name => colour(name).match(/\d+/g).map(Number), ground = part("--card");
  return `rgb(${part(one).map((value, at) => Math.round(value * share + ground[at] * (1 - share))).join(", ")})`;
};
const style = () => {
  const text = colour("--foreground"), card = colour("--card"), quiet = colour("--muted-foreground");
  const look = (name, shape, more) => ({ selector: `.${name}`, style: { shape, ...more } });
  return [
    { selector: "node", style: { label: "data(short)", "font-family": getComputedStyle(document.body).fontFamily, "font-size": 12, color: text, "text-valign": "center", "text-halign": "center", width: 28, height: 28, "background-color": card, "border-width": 2, "border-color": quiet, "overlay-opacity": 0 } },
    look("subject", "hexagon", { "background-color": colour("--primary"), "border-color": colour("--primary"), color: colour("--primary-foreground"), width: 34, height: 30, "font-weight": 600 }),
    look("open", "diamond", { "background-color": colour("--warn-bg"), "border-color": colour("--warn"), width: 38, height: 38 }),
    look("rejected", "rectangle", { "background-color": colour("--bad-bg"), "border-color": colour("--bad"), "border-width": 3 }),
    look("approved", "ellipse", { "background-color": colour("--ok-bg"), "border-color": colour("--ok"), "border-style": "double", "border-width": 5, width: 32, height: 32 }),
    look("clean", "ellipse", {}),
    look("key", "round-rectangle", { "background-color": mixed("--muted-foreground", .14), "border-width": 1, width: "data(width)", height: 24 }),
    { selector: ".hub", style: { "border-style": "dashed", "border-width": 2 } },
    { selector: ".account.named", style: { label: "data(name)", color: text, "font-size": 11, "font-weight": 400, "text-valign": "bottom", "text-margin-y": 4, "text-wrap": "wrap", "text-max-width": 140, "text-overflow-wrap": node => /[\ud800-\udfff]/.test(node.data("name")) ? "whitespace" : "anywhere", "text-background-color": card, "text-background-opacity": .85, "text-background-padding": 1 } },
    { selector: "edge", style: { width: 1.5, "line-color": mixed("--muted-foreground", .55), "curve-style": "straight" } },
    { selector: ".beside", style: { opacity: .3 } },
    { selector: "node:selected", style: { "border-color": text, "border-width": 4, "z-index": 9 } },
    { selector: "edge.touched", style: { width: 2.5, "line-color": colour("--primary") } },
  ];
};

// --- where things stand
// A long name stands in two lines, cut where its words are.
const clip = name => {
  const letters = [...name], whole = letters.length > 30 ? [...letters.slice(0, 14), "…", ...letters.slice(-14)] : letters; // an emoji is one
  if (whole.length <= 16) return whole.join("");
  const cuts = whole.map((letter, index) => "-_.@:/ …".includes(letter) ? index + 1 : 0).filter(at => at && at <= 16 && whole.length - at <= 16);
  const at = cuts.at(-1) ?? Math.ceil(whole.length / 2);
  return `${whole.slice(0, at).join("")}\n${whole.slice(at).join("")}`;
};
const extent = node => {
  const box = node.boundingBox({ includeEdges: false }), at = node.position();
  return { node, x: at.x, y: at.y, left: at.x - box.x1, right: box.x2 - at.x, top: at.y - box.y1, bottom: box.y2 - at.y };
};
const push = (things, width, height) => {
  for (let round = 0; round < 600; round++) {
    let isMoved = false;
    for (let a = 0; a < things.length; a++) for (let b = a + 1; b < things.length; b++) {
      const one = things[a], other = things[b];
      const x = other.x >= one.x ? one.x + one.right + APART - (other.x - other.left) : other.x + other.right + APART - (one.x - one.left);
      const y = other.y >= one.y ? one.y + one.bottom + APART - (other.y - other.top) : other.y + other.bottom + APART - (one.y - one.top);
      if (x <= 0 || y <= 0) continue;
      isMoved = true;
      if (x < y) { const way = other.x >= one.x ? x / 2 : -x / 2; one.x -= way; other.x += way; }
      else { const way = other.y >= one.y ? y / 2 : -y / 2; one.y -= way; other.y += way; }
    }
    for (const each of things) {
      each.x = Math.min(width - each.right, Math.max(each.left, each.x));
      each.y = Math.min(height - each.bottom, Math.max(each.top, each.y));
    }
    if (!isMoved) return true;
  }
  return false;
};
// Springs say who stands near whom; then all of it fills the box, and whatever lies upon another is pushed aside.
const settle = () => {
  const nodes = cy.nodes(), count = nodes.length;
  let place = 0;
  for (const node of nodes) if (node.scratch("isNew")) {
    const near = node.neighborhood("node").filter(each => !each.scratch("isNew")), turn = (2 * Math.PI * place++) / count;
    const middle = near.nonempty() ? near[0].position() : { x: 0, y: 0 }, far = near.nonempty() ? 60 : node.hasClass("key") ? 120 : 260;
    node.position({ x: middle.x + far * Math.cos(turn), y: middle.y + far * Math.sin(turn) });
  }
  nodes.forEach(node => node.scratch("isNew", false));
  cy.layout({ name: "cose", randomize: false, animate: false, fit: false, idealEdgeLength: () => 80, nodeRepulsion: () => 20000, gravity: .5, numIter: 800, componentSpacing: 60 }).run();
  const things = nodes.map(extent);
  // half by where it stands and half by how many stand before it, so that the crowd in the middle has room
  const along = (each, axis, low, high) => {
    const all = things.map(other => other.node.position(axis)).sort((one, other) => one - other), at = each.node.position(axis);
    const share = ((at - all[0]) / (all.at(-1) - all[0] || 1) + all.indexOf(at) / Math.max(1, count - 1)) / 2;
    return low + share * (high - low);
  };
  const box = { width: Math.min(cy.width() - 2 * MARGIN, 110 + 75 * count), height: Math.min(cy.height() - 2 * MARGIN, 90 + 45 * count) };
  for (let grown = 1; grown < 6; grown *= 1.1) {
    const width = box.width * grown, height = box.height * grown;
    for (const each of things) {
      each.x = along(each, "x", each.left, width - each.right);
      each.y = along(each, "y", each.top, height - each.bottom);
    }
    if (push(things, width, height)) break;
  }
  for (const each of things) each.node.position({ x: each.x, y: each.y });
  fit();
};
const fit = () => { cy.fit(undefined, MARGIN); if (cy.zoom() > 1.25) { cy.zoom(1.25); cy.center(); } };

// --- what is told of the one that is chosen
const tell = id => {
  const panel = document.getElementById("chosen"), hadFocus = panel.contains(document.activeElement);
  for (const row of document.querySelectorAll("[data-node][aria-current]")) row.removeAttribute("aria-current");
  cy.elements().removeClass("beside touched");
  const row = id && document.querySelector(`[data-node="${id}"]`);
  chosen = row ? id : undefined;
  panel.dataset.rest ??= panel.textContent;
  if (!row) {
    panel.replaceChildren(Object.assign(document.createElement("p"), { className: "i-sub", textContent: panel.dataset.rest }));
    if (hadFocus) panel.focus();
    return;
  }
  row.setAttribute("aria-current", "true");
  const node = cy.getElementById(id), near = node.closedNeighborhood();
  cy.elements().not(near).addClass("beside");
  node.connectedEdges().addClass("touched");
  const [head, ...cells] = row.cells, title = document.createElement("h2"), facts = document.createElement("dl"), buttons = document.createElement("p");
  title.append(...[...head.cloneNode(true).childNodes]);
  buttons.className = "i-buttons";
  for (const cell of cells) {
    if (cell.dataset.label) {
      const term = Object.assign(document.createElement("dt"), { textContent: cell.dataset.label }), told = document.createElement("dd");
      told.append(...cell.cloneNode(true).childNodes);
      facts.append(term, told);
    } else for (const link of cell.querySelectorAll("a")) {
      const copy = Object.assign(link.cloneNode(true), { id: "" });
      for (const name of copy.getAttributeNames()) if (name.startsWith("hx-") || name === "id") copy.removeAttribute(name);
      copy.addEventListener("click", event => { event.preventDefault(); link.click(); });
      buttons.append(copy);
    }
  }
  panel.replaceChildren(title, facts, buttons);
  if (hadFocus) panel.focus();
};
const choose = id => {
  const node = cy.getElementById(id).select(), box = node.renderedBoundingBox();
  cy.nodes(":selected").not(node).unselect();
  if (box.x1 < 0 || box.y1 < 0 || box.x2 > cy.width() || box.y2 > cy.height()) cy.center(node);
};

// --- drawn at first, and anew when the tables were
const begin = box => {
  box.replaceChildren();
  cy = cytoscape({ container: box, style: style(), minZoom: .2, maxZoom: 4, boxSelectionEnabled: false, selectionType: "single" });
  cy.on("select", "node", event => tell(event.target.id()));
  cy.on("unselect", "node", () => { if (cy.$("node:selected").empty()) tell(); });
  cy.on("dbltap", ".account", event => document.querySelector(`[data-node="${event.target.id()}"] a[hx-get]`)?.click());
  // The page scrolls by wheel and by one finger; Ctrl and the wheel zoom, and so do two fingers.
  const frame = box.parentElement;
  let isPinched = false;
  frame.addEventListener("wheel", event => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); }, { capture: true, passive: true });
  for (const name of ["touchstart", "touchmove", "touchend", "touchcancel"]) frame.addEventListener(name, event => {
    isPinched ||= event.touches.length > 1;
    if (!isPinched) event.stopPropagation();
    if (!event.touches.length) isPinched = false;
  }, { capture: true, passive: true });
};
const draw = () => {
  const box = document.getElementById("graph"), told = document.getElementById("linked-graph");
  if (!box || !told) return;
  const isFresh = cy?.container() !== box;
  for (const tick of [...document.querySelectorAll("#waiting input[name=id]:checked")].filter(each => unticked.has(each.value))) tick.click();
  if (!isFresh && told.textContent === drawn) { if (chosen) tell(chosen); return; }
  drawn = told.textContent;
  const { summary, people, keys, ties } = JSON.parse(drawn), isNamed = (box.clientWidth * box.clientHeight) / (people.length + keys.length) > ROOM;
  if (isFresh) { cy?.destroy(); begin(box); }
  box.setAttribute("aria-label", `${summary}. The tables below say the same in words.`);
  const wanted = new Map([
    ...people.map(each => [each.id, { data: { ...each, name: clip(each.name), short: `${each.number}` }, classes: `account ${each.outcome}` }]),
    ...keys.map(each => [each.id, { data: { ...each, short: isNamed ? each.name : each.letter, width: isNamed ? 18 + 6.4 * each.name.length : 30 }, classes: `key ${each.isHub ? "hub" : ""}` }]),
    ...ties.map(([from, to]) => [`${from}-${to}`, { data: { id: `${from}-${to}`, source: from, target: to } }]),
  ]);
  cy.batch(() => {
    cy.elements().filter(each => !wanted.has(each.id())).remove();
    for (const [id, { data, classes }] of wanted) {
      const known = cy.getElementById(id);
      if (known.nonempty()) { if (classes) known.data(data).classes(classes); }
      else cy.add({ data, classes }).scratch("isNew", true);
    }
    cy.nodes(".account").toggleClass("named", isNamed);
  });
  settle();
  const known = chosen ? cy.getElementById(chosen) : cy.collection();
  if (known.selected()) tell(chosen); else if (known.nonempty()) choose(chosen); else tell();
  box.dataset.drawn = cy.nodes().length;
};

if (window.cytoscape) {
  draw();
  for (const name of ["htmx:afterSettle", "htmx:historyRestore", "htmx:after:swap"]) document.addEventListener(name, draw); // htmx 2 and 4
  new MutationObserver(() => cy?.style(style())).observe(document.documentElement, { attributeFilter: ["class"] });
  addEventListener("resize", () => { if (cy) fit(); });
} else for (const part of document.querySelectorAll(".i-linked, [data-show]")) part.remove(); // the tables say all of it

document.addEventListener("click", event => {
  const { zoom, show } = event.target.closest("[data-zoom], [data-show]")?.dataset ?? {};
  if (!cy || !(zoom || show)) return;
  if (show) {
    choose(show);
    document.getElementById("graph").scrollIntoView({ block: "nearest", behavior: "instant" });
    document.getElementById("chosen").focus({ preventScroll: true });
  } else if (zoom === "fit") fit();
  else cy.zoom({ level: cy.zoom() * Number(zoom), renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
});
document.addEventListener("change", event => {
  if (!event.target.closest("#waiting")) return;
  for (const tick of document.querySelectorAll("#waiting input[name=id]")) unticked[tick.checked ? "delete" : "add"](tick.value);
});
