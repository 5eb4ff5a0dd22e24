// Filters and orders the scorecard. Without it the page is whole: it makes its own controls.
(function () {
  "use strict";

  const table = document.getElementById("scorecard-table");
  const source = document.getElementById("scorecard-controls");
  if (!table || !source) return;
  const NAMES = ["article", "verdict", "group", "text", "sort"];
  const bodies = Array.from(table.tBodies);
  const claims = bodies.filter((body) => body.dataset.claim);
  const bands = bodies.filter((body) => !body.dataset.claim);
  const place = new Map(bodies.map((body, i) => [body, i]));
  const words = new Map(claims.map((claim) => [claim, plain(claim.dataset.words)]));
  const collator = new Intl.Collator("en", { sensitivity: "base", numeric: true });

  source.replaceWith(source.content.cloneNode(true));
  const form = document.getElementById("scorecard-filters");
  const status = document.getElementById("scorecard-status");

  function plain(text) {
    return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
  }
  const field = (name) => form.elements.namedItem(name);
  const value = (name) => (field(name) ? field(name).value.trim() : "");
  const has = (claim, name, wanted) => wanted === "" || claim.dataset[name].split(" ").includes(wanted);

  function matches(claim) {
    return (
      has(claim, "letters", value("article")) &&
      has(claim, "verdict", value("verdict")) &&
      has(claim, "group", value("group")) &&
      plain(value("text")).split(/\s+/).every((word) => words.get(claim).includes(word))
    );
  }

  function ordered() {
    const by = value("sort");
    const known = (a, b) => place.get(a) - place.get(b);
    if (by === "") return [...bodies].sort(known);
    const key = (claim) => claim.dataset[by];
    return [...claims].sort((a, b) => collator.compare(key(a), key(b)) || known(a, b));
  }

  function show() {
    table.append(...ordered());
    claims.forEach((claim) => (claim.hidden = !matches(claim)));
    bands.forEach((band) => {
      const after = bodies.slice(place.get(band) + 1);
      const end = after.findIndex((body) => !body.dataset.claim);
      const own = end < 0 ? after : after.slice(0, end);
      band.hidden = value("sort") !== "" || own.every((claim) => claim.hidden);
    });
    status.textContent = said();
    remember();
  }

  function said() {
    const left = claims.filter((claim) => !claim.hidden).length;
    const used = NAMES.filter((name) => value(name) !== "").map((name) => {
      const input = field(name);
      const chosen = input.options ? input.options[input.selectedIndex].text : `“${value(name)}”`;
      return `${input.dataset.name} ${chosen}`;
    });
    const none = left === 0 ? " No claim is left: reset to see all." : "";
    if (used.length === 0) return "";
    return `${left} of ${claims.length} claims: ${used.join(", ")}.${none}`;
  }

  function remember() {
    const query = new URLSearchParams(location.search);
    for (const name of NAMES) value(name) ? query.set(name, value(name)) : query.delete(name);
    const text = query.toString();
    try {
      history.replaceState(null, "", (text ? `?${text}` : location.pathname) + location.hash);
    } catch (refused) {
      // some browsers keep the address of a file as it is; the filters work all the same
    }
  }

  const query = new URLSearchParams(location.search);
  for (const name of NAMES) if (field(name)) field(name).value = query.get(name) || "";
  form.closest("details").open = NAMES.some((name) => value(name) !== "");
  for (const input of form.querySelectorAll("select")) {
    if (input.selectedIndex < 0) input.value = ""; // an address that names what is not here
  }
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of NAMES) if (field(name)) field(name).value = "";
    show();
  });
  show();
})();
