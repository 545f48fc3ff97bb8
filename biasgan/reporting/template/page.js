"use strict";

// Numbers by their value, words by the alphabet with numbers in them by value; what is empty is always last.
function sort(table, column, ascending) {
  const body = table.tBodies[0];
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent.trim();
  const numeric = [...body.rows].some((row) => "value" in row.cells[column].dataset);
  const compare = (a, b) => (numeric ? a - b : a.localeCompare(b, undefined, { numeric: true }));
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === "" || b === "") return (a === "") - (b === "");
    return ascending ? compare(a, b) : compare(b, a);
  });
  body.append(...rows);
}

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button")?.addEventListener("click", () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sort(table, column, ascending);
    });
  });
}

// Every word that is typed must be there.
function filter(field, things) {
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const thing of things) {
      const text = thing.textContent.toLowerCase();
      thing.hidden = !words.every((word) => text.includes(word));
    }
  });
}

for (const block of document.querySelectorAll(".block")) {
  const field = block.querySelector('input[type="search"]');
  if (field) filter(field, block.querySelectorAll("tbody tr"));
  // On a phone nothing can be pointed at.
  block.addEventListener("click", (event) => {
    const cell = event.target.closest("td[title]");
    const told = block.querySelector(".told");
    if (!cell || !told) return;
    const head = block.querySelectorAll("thead th")[cell.cellIndex].querySelector("button").firstChild.textContent;
    told.textContent = `${cell.parentElement.cells[0].textContent}, ${head}: ${cell.title || "no more is known"}`;
  });
}
filter(document.getElementById("find"), document.querySelectorAll(".provenance"));

// What is closed would not be printed.
const closed = ".block:not([open], .provenance)";
addEventListener("beforeprint", () => {
  for (const block of document.querySelectorAll(closed)) block.toggleAttribute("data-printed", (block.open = true));
});
addEventListener("afterprint", () => {
  for (const block of document.querySelectorAll("[data-printed]")) block.open = block.toggleAttribute("data-printed");
});

const viewer = document.querySelector(".viewer");
if (viewer) {
  const gallery = JSON.parse(document.getElementById("pictures").textContent);
  const part = (name) => viewer.querySelector(`[name="${name}"]`);
  const stage = viewer.querySelector(".stage");
  const sides = ["left", "right"];
  const picture = () => gallery[part("images").value].pictures[part("picture").value];

  function fill(select, labels, chosen) {
    select.replaceChildren(...labels.map(([value, label]) => new Option(label, value, false, value === chosen)));
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
  const numbered = (things, label) => things.map((thing, number) => [String(number), thing[label]]);

  function place(percent) {
    part("place").value = percent;
    stage.querySelector(".layer.left").style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
    stage.querySelector(".divider").style.left = `${percent}%`;
  }
  function show() {
    const { name, size, versions } = picture();
    stage.style.aspectRatio = `${size[0]} / ${size[1]}`;
    for (const side of sides) {
      const chosen = part(side).value;
      const image = stage.querySelector(`.layer.${side} img`);
      image.src = new Map(versions).get(chosen);
      image.alt = `${name}, ${chosen}`;
      stage.querySelector(`.label.${side}`).textContent = chosen;
    }
  }
  function choosePicture() {
    const versions = picture().versions.map(([version]) => version);
    const restored = versions.filter((version) => version !== "original" && version !== "compressed");
    fill(part("left"), versions.map((v) => [v, v]), versions.includes(part("left").value) ? part("left").value : "compressed");
    const right = versions.includes(part("right").value) ? part("right").value : restored.at(-1) ?? "original";
    fill(part("right"), versions.map((v) => [v, v]), right);
    show();
  }
  function chooseImages() {
    fill(part("picture"), numbered(gallery[part("images").value].pictures, "name"), part("picture").value || "0");
    choosePicture();
  }
  const zoomed = () => stage.classList.contains("zoomed");
  let eye = [50, 50];
  function look(x, y) {
    eye = [x, y].map((value) => Math.min(100, Math.max(0, value)));
    for (const image of stage.querySelectorAll("img")) image.style.transformOrigin = `${eye[0]}% ${eye[1]}%`;
  }
  function zoom(on, x = 50, y = 50) {
    look(x, y);
    stage.classList.toggle("zoomed", on);
    part("zoom").setAttribute("aria-pressed", on);
  }

  fill(part("images"), numbered(gallery, "label"), "0");
  part("images").addEventListener("change", chooseImages);
  part("picture").addEventListener("change", choosePicture);
  for (const side of sides) part(side).addEventListener("change", show);
  part("place").addEventListener("input", () => place(part("place").value));
  part("zoom").addEventListener("click", () => zoom(!zoomed()));
  part("residual").addEventListener("change", () => stage.classList.toggle("residual", part("residual").checked));

  let start = null;
  let moved = false;
  const percent = (event) => {
    const box = stage.getBoundingClientRect();
    const within = (value) => Math.min(100, Math.max(0, 100 * value));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  };
  stage.addEventListener("pointerdown", (event) => {
    [start, moved] = [[event.clientX, event.clientY], false];
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (start === null) return;
    const [across, down] = [event.clientX - start[0], event.clientY - start[1]];
    moved ||= Math.hypot(across, down) > 4;
    if (!moved) return;
    if (!zoomed()) return place(percent(event)[0]);
    // Of a picture four times as large, three quarters are out of sight.
    const box = stage.getBoundingClientRect();
    look(eye[0] - (100 / 3) * (across / box.width), eye[1] - (100 / 3) * (down / box.height));
    start = [event.clientX, event.clientY];
  });
  stage.addEventListener("pointerup", (event) => {
    if (start !== null && !moved) zoom(!zoomed(), ...percent(event));
    start = null;
  });
  stage.addEventListener("pointercancel", () => (start = null));

  const steps = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, -5], ArrowDown: [0, 5] };
  stage.addEventListener("keydown", (event) => {
    const [across, down] = steps[event.key] ?? [0, 0];
    if (event.key === "Enter") zoom(!zoomed());
    else if (zoomed() && event.key in steps) look(eye[0] + across, eye[1] + down);
    else if (across) place(Math.min(100, Math.max(0, Number(part("place").value) + across)));
    else return;
    event.preventDefault();
  });

  chooseImages();
  place(50);
  viewer.hidden = false;
}
