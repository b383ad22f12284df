// The page's own parts: its words, its templates, and what it sends and asks.
export const place = document.getElementById("board");
const words = JSON.parse(place.dataset.words);
const token = JSON.parse(document.body.getAttribute("hx-headers"))["x-csrf-token"];

export function say(key, values = {}) {
  return words[key].replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
}

// A copy of the template `board-part-NAME`; its parts are found by `data-at`.
export function made(name) {
  const copy = document.getElementById(`board-part-${name}`).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const node of [copy, ...copy.querySelectorAll("[data-at]")]) if (node.dataset.at) parts[node.dataset.at] = node;
  return [copy, parts];
}

export function icon(name) {
  return document.getElementById(`board-icon-${name}`).content.firstElementChild.cloneNode(true);
}

export function part(name, kind, ...inside) {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  node.append(...inside.filter(Boolean));
  return node;
}

// Where the session has ended, or the page is another's: the sign-in says so.
function ended(answer) {
  if (answer.status === 401 || answer.redirected) location.reload();
}

// What stands at /board/NAME.json; null where it could not be asked.
export async function ask(name, values) {
  const query = new URLSearchParams({ environment: place.dataset.environment });
  for (const [key, value] of Object.entries(values)) for (const one of [value].flat()) query.append(key, one);
  try {
    const answer = await fetch(`/board/${name}.json?${query}`, { headers: { accept: "application/json" } });
    ended(answer);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// Status 0: nobody answered, and it is not known whether it was done.
export async function send(name, body) {
  const headers = { "content-type": "application/json", "x-csrf-token": token };
  try {
    const answer = await fetch(`/board/${name}`, { method: "POST", headers, body: JSON.stringify(body) });
    ended(answer);
    const json = (answer.headers.get("content-type") ?? "").includes("json");
    return { status: answer.status, told: json ? await answer.json() : {} };
  } catch {
    return { status: 0, told: {} };
  }
}

let cleared = 0;
// Told below the tools, and to who listens.
export function tell(text, kind = "") {
  const line = document.getElementById("board-said");
  line.className = `board-said ${kind}`;
  line.textContent = text;
  clearTimeout(cleared);
  if (!kind) cleared = setTimeout(() => { line.textContent = ""; }, 20_000);
}
