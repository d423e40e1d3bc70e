// A press on the head of a column sorts the tasks of each dataset by it, each with its seeds below
// it; a second press turns the order around. Without JavaScript the page is the same, unsorted.
"use strict";

// The first number of a cell, or its text. Numbers are grouped by narrow spaces.
function keyOf(row, column) {
  const text = row.cells[column].textContent.trim();
  const number = parseFloat(text.replaceAll("\u202f", ""));
  return Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  // A cell without a number comes last in falling order.
  if (typeof a !== typeof b) return typeof a === "number" ? 1 : -1;
  return a.localeCompare(b);
}

function sort(table, column, falling) {
  for (const body of table.tBodies) {
    const groups = [];
    for (const row of body.querySelectorAll("tr:not(.dataset)")) {
      if (row.classList.contains("task")) groups.push([]);
      groups.at(-1).push(row);
    }
    const sign = falling ? -1 : 1;
    groups.sort((a, b) => sign * compare(keyOf(a[0], column), keyOf(b[0], column)));
    body.append(...groups.flat());
  }
}

for (const table of document.querySelectorAll("table.leaderboard")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.querySelector("svg")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const numbers = head.classList.contains("number");
      const order = head.getAttribute("aria-sort");
      // Numbers begin with the largest, and texts with the first of the alphabet.
      const falling = order ? order === "ascending" : numbers;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      sort(table, column, falling);
    });
  });
}
