"use strict";
(() => {
  // Headings sort their table; of the table of tasks rows can be sought and another method shown.
  // The page is complete without it: whatever is here for it alone is hidden until it runs.
  const words = new Intl.Collator("en", { numeric: true });
  const text = (row, column) => row.cells[column].textContent;
  const number = (row, column) => parseFloat(text(row, column).replaceAll(",", ""));

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    const sort = () => {
      const column = heads.findIndex((head) => head.hasAttribute("aria-sort"));
      if (column < 0) return;
      const sign = heads[column].getAttribute("aria-sort") === "ascending" ? 1 : -1;
      const rows = [...body.rows];
      if (heads[column].dataset.sort === "words") {
        rows.sort((a, b) => sign * words.compare(text(a, column), text(b, column)));
      } else {
        const key = new Map(rows.map((row) => [row, number(row, column)]));
        rows.sort((a, b) => {
          const [x, y] = [key.get(a), key.get(b)];
          return isNaN(x) - isNaN(y) || sign * (x - y) || 0;
        });
      }
      body.append(...rows);
    };
    for (const head of heads.filter((one) => one.dataset.sort)) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.dataset.sort === "words" ? "ascending" : "descending";
        const other = first === "ascending" ? "descending" : "ascending";
        const next = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", next);
        sort();
      });
    }
    return sort;
  }

  const sorts = new Map([...document.querySelectorAll("table.sortable")].map((table) => [table, sortable(table)]));

  const table = document.getElementById("all-tasks");
  const controls = document.getElementById("controls");
  const methods = JSON.parse(document.getElementById("methods-of-tasks").textContent);
  const [sought, method, status] = ["input[type=search]", "select", "[role=status]"].map((one) => controls.querySelector(one));
  const verdicts = [...controls.querySelectorAll("input[type=checkbox]")];
  const known = ["helped", "unharmed", "hurt", "untested"];
  const rows = [...table.tBodies[0].rows];

  function filter() {
    const part = sought.value.trim().toLowerCase();
    const wanted = new Set(verdicts.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const row of rows) {
      row.hidden = !(wanted.has(row.className) && text(row, 0).toLowerCase().includes(part));
      count += !row.hidden;
    }
    status.textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} tasks`;
  }

  function show() {
    const [shared, gain, verdict, at] = methods[method.value];
    rows.forEach((row, i) => {
      row.className = known[verdict[i]];
      row.cells[3].textContent = gain[i];
      row.cells[4].textContent = known[verdict[i]];
      row.cells[6].textContent = shared[i];
      row.cells[2].firstElementChild?.style.setProperty("--b", at[i]);
    });
    document.querySelectorAll(".shown").forEach((one) => (one.textContent = method.value));
    sorts.get(table)();
    filter();
  }

  sought.addEventListener("input", filter);
  verdicts.forEach((box) => box.addEventListener("change", filter));
  method.addEventListener("change", show);
  controls.hidden = false;
  show(); // a browser that goes back fills in what was chosen before
})();
