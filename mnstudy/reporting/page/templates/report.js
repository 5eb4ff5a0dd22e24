// Sorts and filters the scorecard. Without it the page is whole: it makes its own controls.
(function () {
  "use strict";

  const table = document.getElementById("scorecard-table");
  const source = document.getElementById("scorecard-controls");
  if (!table || !source) return;
  const NAMES = ["article", "verdict", "data", "group", "text"];
  const groups = Array.from(table.tBodies).map((body) => ({
    body,
    rows: Array.from(body.rows).filter((row) => row.dataset.claim),
  }));
  const rows = groups.flatMap((group) => group.rows);
  const place = new Map(rows.map((row, i) => [row, i]));
  const words = new Map(rows.map((row) => [row, plain(row.dataset.words)]));
  const flat = table.appendChild(document.createElement("tbody"));
  const collator = new Intl.Collator("en", { sensitivity: "base", numeric: true });

  for (const sorts of table.querySelectorAll("th template")) {
    sorts.replaceWith(sorts.content.cloneNode(true));
  }
  source.replaceWith(source.content.cloneNode(true));
  const form = document.getElementById("scorecard-filters");
  const status = document.getElementById("scorecard-status");
  const register = document.getElementById("scorecard-register");
  const buttons = Array.from(table.querySelectorAll("button[data-sort]"));
  let sorted = null; // the button pressed last, and which way it goes

  function plain(text) {
    return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
  }
  const field = (name) => form.elements.namedItem(name);
  const value = (name) => (field(name) ? field(name).value.trim() : "");
  const code = (button) => `${button.dataset.sort}${button.dataset.body || ""}`;
  const cells = (row) => Array.from(row.querySelectorAll("td.body"));

  function matches(row) {
    const [article, verdict, data, group, text] = NAMES.map(value);
    const asked = data === "" ? cells(row) : [cells(row)[Number(data)]];
    return (
      (article === "" || row.dataset.letters.split(" ").includes(article)) &&
      (verdict === "" || asked.some((cell) => cell && cell.dataset.verdict === verdict)) &&
      (group === "" || row.dataset.group === group) &&
      plain(text).split(/\s+/).every((word) => words.get(row).includes(word))
    );
  }

  function key(row, button) {
    const name = button.dataset.sort;
    if (!button.dataset.body) return row.dataset[name];
    const text = cells(row)[Number(button.dataset.body)].dataset[name];
    return text === "" ? null : Number(text);
  }

  function compare(a, b) {
    const [left, right] = [key(a, sorted.button), key(b, sorted.button)];
    const before = place.get(a) - place.get(b);
    if (left === null || right === null) {
      return left === right ? before : left === null ? 1 : -1; // what is missing comes last
    }
    const found = typeof left === "string" ? collator.compare(left, right) : left - right;
    return (sorted.turn === "ascending" ? found : -found) || before;
  }

  function order(wanted) {
    sorted = wanted;
    table.classList.toggle("sorted", sorted !== null);
    if (sorted) flat.append(...[...rows].sort(compare));
    else groups.forEach((group) => group.body.append(...group.rows));
    for (const button of buttons) {
      const own = sorted !== null && sorted.button === button;
      button.setAttribute("aria-pressed", String(own));
      button.dataset.turn = own ? sorted.turn : "";
    }
    for (const head of table.tHead.querySelectorAll("th")) {
      if (sorted && head.contains(sorted.button)) head.setAttribute("aria-sort", sorted.turn);
      else head.removeAttribute("aria-sort");
    }
    register.disabled = sorted === null;
    show();
  }

  function show() {
    rows.forEach((row) => (row.hidden = !matches(row)));
    for (const { body, rows: own } of groups) {
      body.hidden = sorted !== null || own.every((row) => row.hidden);
    }
    status.textContent = said();
    remember();
  }

  function said() {
    const left = rows.filter((row) => !row.hidden).length;
    const count = `${left} of ${rows.length} ${rows.length === 1 ? "claim" : "claims"}`;
    const used = NAMES.filter((name) => value(name) !== "").map((name) => {
      const input = field(name);
      const chosen = input.options ? input.options[input.selectedIndex].text : `“${value(name)}”`;
      return `${input.dataset.name} ${chosen}`;
    });
    const how = sorted ? sorted.button.dataset : null;
    const by = how ? ` Sorted by ${how.name}: ${how[sorted.turn]}.` : "";
    const none = left === 0 ? " No claim is left: reset to see all." : "";
    return `${count}${used.length ? `: ${used.join(", ")}` : ""}.${by}${none}`;
  }

  function remember() {
    const query = new URLSearchParams(location.search);
    for (const name of NAMES) value(name) ? query.set(name, value(name)) : query.delete(name);
    if (sorted) query.set("sort", `${code(sorted.button)}.${sorted.turn}`);
    else query.delete("sort");
    const text = query.toString();
    try {
      history.replaceState(null, "", (text ? `?${text}` : location.pathname) + location.hash);
    } catch (refused) {
      // some browsers keep the address of a file as it is; the filters work all the same
    }
  }

  function recall() {
    const query = new URLSearchParams(location.search);
    for (const name of NAMES) if (field(name)) field(name).value = query.get(name) || "";
    for (const input of form.querySelectorAll("select")) {
      if (input.selectedIndex < 0) input.value = ""; // an address that names what is not here
    }
    const [named, turn] = (query.get("sort") || "").split(".");
    const button = buttons.find((one) => code(one) === named);
    return button && ["ascending", "descending"].includes(turn) ? { button, turn } : null;
  }

  function press(button) {
    const first = button.dataset.first;
    const turn = sorted && sorted.button === button ? sorted.turn : "";
    const other = first === "ascending" ? "descending" : "ascending";
    order(turn === "" ? { button, turn: first } : turn === first ? { button, turn: other } : null);
  }

  buttons.forEach((button) => button.addEventListener("click", () => press(button)));
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const name of NAMES) if (field(name)) field(name).value = "";
    order(null);
  });
  register.addEventListener("click", () => {
    order(null);
    form.querySelector("[type=reset]").focus(); // the one that was pressed is off now
  });
  order(recall());
})();
