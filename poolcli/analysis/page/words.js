// What the page says in words: the heading, the step, the formula, and the command for the same.

const perAxis = (list) => (list.every((n) => n === list[0]) ? `${list[0]}` : list.join("×"));
function paddingText(separator = "×") {
  const pairs = state.padding;
  if (pairs.every(([before, after]) => before === after)) {
    const sides = pairs.map(([before]) => before);
    return sides.every((n) => n === sides[0]) ? `${sides[0]}` : sides.join(separator);
  }
  return pairs.map((pair) => pair.join(":")).join(",");
}

function drawHeading() {
  const parts = [state.op, state.size.join("×"), `stride ${perAxis(state.stride)}`];
  if (paddingText() !== "0") parts.push(`padding ${paddingText()}`);
  if (state.dilation.some((n) => n > 1)) parts.push(`dilation ${perAxis(state.dilation)}`);
  if (state.ceil) parts.push("ceil");
  const title = parts.join(" ");
  say("title", title);
  document.title = `${title} · poolcli`;
  const { summary } = given.ops[state.op];
  say("summary", `${summary[0].toUpperCase()}${summary.slice(1)} of each window.`);
}

function drawWords() {
  const total = result ? result.records.length : 0;
  const windows = `${total} ${total === 1 ? "window" : "windows"}`;
  const words = state.step === 0
    ? windows
    : `Window ${state.step} of ${total}: ${result.records[state.step - 1].text}`;
  say("status", result ? words : "");
  byId("step").setAttribute("aria-valuetext", state.step === 0 ? windows : `${state.step} of ${total}`);
  const lines = result ? sizeFormula(result.axes) : [];
  const formula = byId("formula");
  if (formula.dataset.text !== lines.join("\n")) {
    formula.dataset.text = lines.join("\n");
    formula.replaceChildren(...lines.map((line) => element("div", {}, line)));
  }
  say("command", command());
}

// ---------------------------------------------------------------- the command that does the same

function command() {
  const words = ["poolcli", state.op, "--size", perAxis(state.size).replaceAll("×", "x")];
  words.push("--stride", perAxis(state.stride).replaceAll("×", "x"));
  if (paddingText() !== "0" || given.ops[state.op].padding !== 0) words.push("--padding", paddingText("x"));
  if (state.dilation.some((n) => n > 1)) {
    words.push("--dilation", perAxis(state.dilation).replaceAll("×", "x"));
  }
  if (state.ceil) words.push("--ceil");
  words.push(...given.ops[state.op].flags, ...given.flags);
  if (state.isRow) words.push("--layout", "W");
  const rows = matrix().map((row) => row.map(exact).join(" "));
  return `${words.join(" ")} --matrix "${rows.join("; ")}"`;
}
