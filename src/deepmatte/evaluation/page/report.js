"use strict";

// Sorting: a click on a column's name, a second one turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const column = Number(button.dataset.column);
      const order = button.dataset.order === "1" ? -1 : 1;
      for (const other of table.tHead.querySelectorAll("button")) {
        delete other.dataset.order;
        other.parentElement.removeAttribute("aria-sort");
      }
      button.dataset.order = String(order);
      button.parentElement.setAttribute("aria-sort", order === 1 ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const isWord = row => Number.isNaN(Number(value(row))) && value(row) !== "inf";
      const number = (row) => (value(row) === "inf" ? Infinity : Number(value(row)));
      const rows = [...table.tBodies[0].rows];
      const byWord = rows.some(isWord);
      rows.sort((one, other) => {
        if (byWord) return order * value(one).localeCompare(value(other), undefined, { numeric: true });
        const [a, b] = [number(one), number(other)];
        if (a === b) return 0;
        if (a === Infinity || b === Infinity) return a === Infinity ? 1 : -1; // what failed stays last
        return order * (a - b);
      });
      table.tBodies[0].append(...rows);
    });
  }
}

// Zooming: a click enlarges a picture; arrows step through the pictures of the same place.
const zoom = document.getElementById("zoom");
const picture = zoom.querySelector("img");
let row = [];
let at = 0;

function show(index) {
  at = (index + row.length) % row.length;
  const image = row[at].querySelector("img");
  picture.src = image.src;
  picture.alt = image.alt;
  // All of a place in one size, so that nothing jumps from one to the next; whole pixels where there is room.
  const [width, height] = [Number(image.getAttribute("width")), Number(image.getAttribute("height"))];
  const fit = Math.min(window.innerWidth / width, (window.innerHeight - 60) / height);
  const scale = fit >= 1 ? Math.floor(fit) : fit;
  picture.style.width = `${width * scale}px`;
  picture.style.height = `${height * scale}px`;
  picture.style.imageRendering = scale >= 2 ? "pixelated" : "auto";
  zoom.querySelector("p").textContent = `${image.alt}  (${at + 1} of ${row.length})`;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("figure button");
  if (!button) return;
  const step = (each) => Number(each.dataset.step);
  row = [...button.closest(".strip").querySelectorAll("button")].sort((one, other) => step(one) - step(other));
  zoom.showModal();
  show(row.indexOf(button));
});
zoom.querySelector(".before").addEventListener("click", () => show(at - 1));
zoom.querySelector(".after").addEventListener("click", () => show(at + 1));
zoom.querySelector(".close").addEventListener("click", () => zoom.close());
picture.addEventListener("click", () => zoom.close());
zoom.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") show(at - 1);
  if (event.key === "ArrowRight" || event.key === " ") show(at + 1);
  if (["ArrowLeft", "ArrowRight", " "].includes(event.key)) event.preventDefault();
});
window.addEventListener("resize", () => zoom.open && show(at));
