// The page: what is asked and where one stands (state), drawn anew after each change.

// JSON has no words for these numbers.
const ENDLESS = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const given = JSON.parse(document.getElementById("settings").textContent, (_, value) =>
  Object.hasOwn(ENDLESS, value) ? ENDLESS[value] : value,
);
const byId = (id) => document.getElementById(id);
const SECONDS = given.seconds;

const state = {
  op: given.op,
  isRow: given.axes === 1,
  rows: given.cells.length,
  columns: given.cells[0].length,
  size: given.size,
  stride: given.stride,
  padding: given.padding,
  dilation: given.dilation,
  ceil: given.ceil,
  step: 0,
};
// Cells beyond the input, for when it is made larger, repeat it.
const MOST = 8;
const height = Math.max(MOST, state.rows);
const width = Math.max(MOST, state.columns);
const values = Array.from({ length: height }, (_, r) =>
  Array.from({ length: width }, (_, c) =>
    given.cells[r % state.rows][c % state.columns],
  ),
);
let result = null; // of pool(), or null where the settings are refused
let timer = null;

const isDigits = (text) => /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);

// A typed number, or undefined: "3,5" and "-" are none, "nan" and "inf" are.
function typed(text) {
  const word = text.trim().toLowerCase().replace("−", "-");
  if (isDigits(word)) return Number(word);
  return Object.hasOwn(ENDLESS, word) ? ENDLESS[word] : undefined;
}

// Text of a cell as it is typed again: all digits of the value.
function exact(value) {
  return Number.isFinite(value) ? String(value) : show(value);
}

// ---------------------------------------------------------------- state to result to page

function matrix() {
  return values.slice(0, state.rows).map((row) => row.slice(0, state.columns));
}

function update() {
  const { op, size, stride, padding, dilation, ceil } = state;
  const asked = { op, params: given.ops[op].params, size, stride, padding, dilation, ceil };
  try {
    result = pool(matrix(), { ...given.policy, ...asked });
    say("alert", "");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    result = null;
    stop();
    say("alert", error.message);
  }
  state.step = result ? Math.min(state.step, result.records.length) : 0;
  layOut();
  draw();
}

// Live regions are read again where they are written, so write what has changed only.
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

// ---------------------------------------------------------------- the grids' elements

const made = { input: "", output: "" };

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Padding that is drawn: what was asked, even where no window reaches it, and what ceil mode adds.
function frame() {
  const [vertical, horizontal] = state.isRow ? [[0, 0], state.padding[0]] : state.padding;
  const grown = ([before, after], axis, n) => {
    const reached = Math.max(...axis.windows.map((window) => window.cells.at(-1)));
    return [before, Math.max(after, reached - n + 1)];
  };
  if (!result) return { top: vertical[0], bottom: vertical[1], left: horizontal[0], right: horizontal[1] };
  const [top, bottom] = grown(vertical, result.down, state.rows);
  const [left, right] = grown(horizontal, result.along, state.columns);
  return { top, bottom, left, right };
}

function layOut() {
  const { top, bottom, left, right } = frame();
  const [outRows, outColumns] = result ? [result.rows, result.columns] : [0, 0];
  const [across, down] = [left + state.columns + right, top + state.rows + bottom];
  const stage = document.querySelector(".stage").style;
  stage.setProperty("--widest", Math.max(across, outColumns));
  stage.setProperty("--across", across + outColumns);
  stage.setProperty("--down", down + outRows);
  stage.setProperty("--tallest", Math.max(down, outRows));
  const starts = windowStarts();
  stage.setProperty("--gaps-down", starts[0].length);
  stage.setProperty("--gaps-across", starts[1].length);
  byId("input-size").textContent = state.isRow ? state.columns : `${state.rows}×${state.columns}`;
  byId("output-size").textContent = result
    ? state.isRow ? outColumns : `${outRows}×${outColumns}`
    : "";

  // Elements are kept as long as they can be: whoever types in one stays there.
  const shape = JSON.stringify([state.rows, state.columns, top, bottom, left, right, starts]);
  if (made.input !== shape) {
    const focus = byId("input").contains(document.activeElement) ? place(document.activeElement) : null;
    byId("input").replaceChildren(...inputRows(top, bottom, left, right, starts));
    made.input = shape;
    if (focus) enter(Math.min(focus[0], state.rows - 1), Math.min(focus[1], state.columns - 1));
  }
  const outShape = JSON.stringify([outRows, outColumns]);
  if (made.output !== outShape) {
    byId("output").replaceChildren(...outputRows(outRows, outColumns));
    made.output = outShape;
  }
}

// Windows that share no cell are told apart by gaps, too: the rows and columns that begin one.
function windowStarts() {
  if (!result || !isDisjoint()) return [[], []];
  const inner = (axis) =>
    axis.size < 2 ? [] : axis.windows.slice(1).map((window) => window.start);
  return [inner(result.down), inner(result.along)];
}

function isDisjoint() {
  const apart = ({ windows }) =>
    windows.every((window, i) => i === 0 || window.start > windows[i - 1].cells.at(-1));
  return apart(result.down) && apart(result.along);
}

function inputRows(top, bottom, left, right, [rowStarts, columnStarts]) {
  const rows = [];
  for (let r = -top; r < state.rows + bottom; r += 1) {
    const isReal = r >= 0 && r < state.rows;
    const row = element("div", isReal ? { role: "row", class: "row" } : { "aria-hidden": "true", class: "row" });
    if (rowStarts.includes(r)) row.classList.add("starts");
    for (let c = -left; c < state.columns + right; c += 1) {
      const cell = isReal && c >= 0 && c < state.columns ? inputCell(r, c) : paddingCell(r, c);
      if (columnStarts.includes(c)) cell.classList.add("starts");
      row.append(cell);
    }
    rows.push(row);
  }
  return rows;
}

function paddingCell(r, c) {
  return element("div", { class: "cell padding", "aria-hidden": "true", "data-at": `${r},${c}` }, "·");
}

function inputCell(r, c) {
  const label = state.isRow ? `Cell ${c + 1}` : `Row ${r + 1}, column ${c + 1}`;
  const input = element("input", {
    type: "text", inputmode: "decimal", "aria-label": label, "data-at": `${r},${c}`,
    autocomplete: "off", spellcheck: "false", tabindex: r || c ? -1 : 0,
  });
  input.value = exact(values[r][c]);
  return element("div", { role: "gridcell", class: "cell" }, input);
}

function outputRows(rows, columns) {
  return Array.from({ length: rows }, (_, r) =>
    element("div", { role: "row", class: "row" },
      ...Array.from({ length: columns }, (_, c) =>
        element("div", { role: "gridcell", class: "cell", "data-at": `${r},${c}`, tabindex: r || c ? -1 : 0 })),
    ));
}

const place = (node) => node.dataset.at.split(",").map(Number);
const inputAt = (r, c) => byId("input").querySelector(`input[data-at="${r},${c}"]`);
const outputAt = (r, c) => byId("output").querySelector(`[data-at="${r},${c}"]`);

// ---------------------------------------------------------------- the grids' looks

function draw() {
  drawHeading();
  drawInput();
  drawOutput();
  drawWords();
  drawControls();
}

// The windows whose cells are coloured: at step 0 all, later those up to this step; where windows
// share cells that would be a muddle, and only the one of this step is.
function shown() {
  if (!result) return [];
  const { records } = result;
  if (isDisjoint()) return state.step > 0 ? records.slice(0, state.step) : records;
  return state.step > 0 ? [records[state.step - 1]] : [];
}

function drawInput() {
  const looks = new Map();
  const now = state.step > 0 ? result.records[state.step - 1] : null;
  const isDilated = state.dilation.some((n, axis) => n > 1 && state.size[axis] > 1);
  for (const record of shown()) {
    const { hue, winner } = record;
    const isStep = record === now;
    for (const [index, [r, c]] of record.window.entries()) {
      const wins = winner !== null && winner[0] === r && winner[1] === c;
      const outline = isDilated ? "now" : index === 0 ? "corner" : "";
      looks.set(`${r},${c}`, [
        `w${hue}`, wins ? "strong" : "tint", isStep ? "in" : "", isStep ? outline : "",
      ]);
    }
  }
  byId("input").style.setProperty("--wide", state.size.at(-1));
  byId("input").style.setProperty("--high", state.isRow ? 1 : state.size[0]);
  for (const node of byId("input").querySelectorAll("[data-at]")) {
    const isPadding = node.localName !== "input";
    const cell = isPadding ? node : node.parentElement;
    const starts = cell.classList.contains("starts") ? "starts" : "";
    const [r, c] = place(node);
    const look = looks.get(node.dataset.at) ?? [];
    const kept = isPadding ? ["padding", ...look.filter((name) => !/^w|tint/.test(name))] : look;
    const isDropped = !isPadding && result && !(result.down.covered.has(r) && result.along.covered.has(c));
    dress(cell, "cell", starts, isDropped ? "dropped" : "", ...kept);
    const text = isPadding ? "·" : node.value;
    fit(cell, text);
  }
}

function drawOutput() {
  if (!result) return;
  for (const [index, record] of result.records.entries()) {
    const cell = outputAt(record.row, record.column);
    const isThere = state.step === 0 || index < state.step;
    const text = isThere ? show(record.value) : "";
    if (cell.textContent !== text) cell.textContent = text;
    const colour = isThere ? [`w${record.hue}`, "strong"] : ["empty"];
    dress(cell, "cell", ...colour, index === state.step - 1 ? "now" : "");
    fit(cell, text);
  }
}

function dress(node, ...classes) {
  const wanted = classes.filter(Boolean).join(" ");
  if (node.className !== wanted) node.className = wanted;
}

// Long numbers get smaller letters, so that every cell keeps its size.
function fit(cell, text) {
  cell.style.setProperty("--fit", text.length <= 3 ? 1 : Math.max(0.3, 3.3 / text.length).toFixed(2));
}

// ---------------------------------------------------------------- controls

const CONTROLS = {
  size: () => state.size,
  stride: () => state.stride,
  padding: () => state.padding.map(([before]) => before),
  dilation: () => state.dilation,
  rows: () => [state.rows],
  columns: () => [state.columns],
};

function drawControls() {
  for (const [name, read] of Object.entries(CONTROLS)) {
    const slider = byId(name);
    const text = name === "padding" ? paddingText() : perAxis(read());
    if (Number(slider.value) !== read()[0]) slider.value = read()[0];
    say(`${name}-shown`, text);
    slider.setAttribute("aria-valuetext", text);
  }
  byId("op").value = state.op;
  byId("ceil").checked = state.ceil;
  byId("step").max = result ? result.records.length : 0;
  byId("step").value = state.step;
  for (const name of ["step", "back", "play", "next"]) byId(name).disabled = !result;
}

function set(name, value) {
  stop();
  const axes = state.isRow ? 1 : 2;
  if (name === "rows" && state.isRow && value > 1) becomeMatrix();
  if (name === "rows" || name === "columns") state[name] = value;
  else if (name === "padding") state.padding = Array.from({ length: axes }, () => [value, value]);
  else state[name] = Array(axes).fill(value);
  state.step = 0;
  update();
}

// A row of cells, pooled along its one axis, is asked to be a matrix: pooled along both.
function becomeMatrix() {
  state.isRow = false;
  for (const name of ["size", "stride", "padding", "dilation"]) {
    state[name] = [state[name][0], state[name][0]];
  }
}

function go(step) {
  if (!result) return;
  const count = result.records.length + 1;
  state.step = ((step % count) + count) % count;
  draw();
}

function play() {
  if (timer !== null) return stop();
  if (!result) return undefined;
  if (state.step === result.records.length) state.step = 0;
  byId("play").textContent = "Pause";
  byId("status").setAttribute("aria-live", "off");
  go(state.step + 1);
  timer = setInterval(() => {
    if (state.step >= result.records.length) stop();
    else go(state.step + 1);
  }, SECONDS * 1000);
  return undefined;
}

function stop() {
  if (timer !== null) clearInterval(timer);
  timer = null;
  byId("play").textContent = "Play";
  byId("status").removeAttribute("aria-live");
}

// ---------------------------------------------------------------- keys and typing

function enter(r, c) {
  const next = inputAt(r, c);
  for (const other of byId("input").querySelectorAll('input[tabindex="0"]')) other.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  next.select();
}

// Where a key leads from a place in a grid of so many rows and columns, or null.
function moved(event, [r, c], rows, columns) {
  const all = event.ctrlKey || event.metaKey;
  const to = {
    ArrowUp: [r - 1, c],
    ArrowDown: [r + 1, c],
    ArrowLeft: [r, c - 1],
    ArrowRight: [r, c + 1],
    Enter: [r + 1, c],
    Home: [all ? 0 : r, 0],
    End: [all ? rows - 1 : r, columns - 1],
  }[event.key];
  if (!to || event.altKey) return null;
  const within = (n, most) => Math.min(Math.max(n, 0), most - 1);
  return [within(to[0], rows), within(to[1], columns)];
}

function onInputKey(event) {
  if (event.target.localName !== "input") return;
  const to = moved(event, place(event.target), state.rows, state.columns);
  if (event.key === "Escape") restore(event.target);
  if (!to) return;
  event.preventDefault();
  enter(...to);
}

function onOutputKey(event) {
  if (!result || event.target.getAttribute("role") !== "gridcell") return;
  const isChosen = event.key === " " || event.key === "Enter";
  const to = isChosen ? place(event.target) : moved(event, place(event.target), result.rows, result.columns);
  if (!to) return;
  event.preventDefault();
  choose(...to);
}

// Show the window of an output.
function choose(r, c) {
  stop();
  for (const other of byId("output").querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  const cell = outputAt(r, c);
  cell.tabIndex = 0;
  cell.focus();
  go(r * result.columns + c + 1);
}

function onTyped(event) {
  const [r, c] = place(event.target);
  const value = typed(event.target.value);
  event.target.setAttribute("aria-invalid", String(value === undefined));
  if (value === undefined) return fit(event.target.parentElement, event.target.value);
  values[r][c] = value;
  return update();
}

// What is no number is left again as the number that was there.
function restore(input) {
  const [r, c] = place(input);
  input.value = exact(values[r][c]);
  input.removeAttribute("aria-invalid");
  fit(input.parentElement, input.value);
}

// ---------------------------------------------------------------- beginning

for (const name of Object.keys(given.ops)) byId("op").append(element("option", { value: name }, name));
for (const [name, read] of Object.entries(CONTROLS)) {
  const slider = byId(name);
  slider.max = Math.max(Number(slider.max), ...read());
  slider.addEventListener("input", () => set(name, Number(slider.value)));
}
byId("op").addEventListener("change", () => { stop(); state.op = byId("op").value; update(); });
byId("ceil").addEventListener("change", () => { stop(); state.ceil = byId("ceil").checked; state.step = 0; update(); });
byId("back").addEventListener("click", () => { stop(); go(state.step - 1); });
byId("next").addEventListener("click", () => { stop(); go(state.step + 1); });
byId("play").addEventListener("click", play);
byId("step").addEventListener("input", () => { stop(); go(Number(byId("step").value)); });
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
byId("input").addEventListener("keydown", onInputKey);
byId("input").addEventListener("input", onTyped);
byId("input").addEventListener("focusin", (event) => {
  const [r, c] = place(event.target);
  for (const other of byId("input").querySelectorAll('input[tabindex="0"]')) other.tabIndex = -1;
  inputAt(r, c).tabIndex = 0;
  event.target.select();
});
byId("input").addEventListener("focusout", (event) => restore(event.target));
byId("output").addEventListener("keydown", onOutputKey);
byId("output").addEventListener("click", (event) => {
  const cell = event.target.closest("[role=gridcell]");
  if (cell && result) choose(...place(cell));
});
update();
