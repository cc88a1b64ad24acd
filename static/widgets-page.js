// The widgets' page: what is chosen shows at once, in the preview and in the tag. Without it the form is sent, and the same comes of it.
const form = document.getElementById("look"), tag = document.getElementById("tag"), preview = document.querySelector("#stage > div");
const USUAL = { primary: "#2457d6", radius: "10", font: "", theme: "", limit: "10" };
const NAMES = { primary: "primary-color", radius: "border-radius", font: "font-family", theme: "theme", limit: "limit" };
const LISTS = ["referral-leaderboard", "marketplace-listings", "marketplace-user-redemptions"];

form.addEventListener("change", event => { if (["element", "state"].includes(event.target.name)) form.requestSubmit(); });
form.addEventListener("input", event => {
  const name = NAMES[event.target.name], shown = preview.firstElementChild;
  if (!name || !event.target.validity.valid) return;
  const lines = tag.textContent.split("\n");
  const rest = lines.filter(line => !Object.values(NAMES).some(each => line.startsWith(`  ${each}=`)));
  const told = [];
  for (const [field, attribute] of Object.entries(NAMES)) {
    const value = form.elements[field].value;
    const isTold = value && value !== USUAL[field] && (field !== "limit" || LISTS.includes(shown.localName));
    if (isTold) { shown.setAttribute(attribute, value); told.push(`  ${attribute}="${value}"`); }
    else shown.removeAttribute(attribute);
  }
  // the last line closes the tag: what is chosen stands before its end
  const end = `></${shown.localName}>`, last = rest.findLastIndex(line => line.includes("=\"")), kept = rest.slice(0, last + 1);
  kept[last] = kept[last].replace(end, "");
  tag.textContent = [...kept, ...told].join("\n") + end;
  const query = new URLSearchParams(new FormData(form));
  for (const [field, value] of Object.entries(USUAL)) if (query.get(field) === value) query.delete(field);
  history.replaceState(null, "", `?${query}`);
});
