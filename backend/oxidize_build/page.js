// What the pages have in common: a picture of the tree in the element "tree", with names first in each node, and a way in and out of it.
const root = JSON.parse(document.getElementById("tree").textContent);
const map = document.getElementById("map"), detail = document.getElementById("detail");
let focus = [root];

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function fitted(text, width, each = 6.7) {
  const room = Math.floor(width / each);
  return text.length <= room ? text : room < 4 ? "" : text.slice(0, room - 1) + "…";
}

// Name the nodes that lead to the last one of the path; all others lead back when they are clicked.
function showTrail(path, amount, show) {
  const trail = document.getElementById("trail");
  trail.replaceChildren();
  path.forEach((each, depth) => {
    if (depth) trail.append(" / ");
    if (depth === path.length - 1) { trail.append(`${each[0]}  ${amount(each)}`); return; }
    const button = document.createElement("button");
    button.textContent = each[0];
    button.addEventListener("click", () => show(path.slice(0, depth + 1)));
    trail.append(button);
  });
}

function addToLegend(name, colour) {
  const entry = document.createElement("li");
  entry.textContent = name;
  entry.style.setProperty("--colour", `var(--${colour})`);
  document.getElementById("legend").append(entry);
}

// Begin with all of it; Escape leads out.
function begin(show) {
  addEventListener("keydown", (event) => { if (event.key === "Escape" && focus.length > 1) show(focus.slice(0, -1)); });
  addEventListener("resize", () => show(focus));
  show(focus);
}
