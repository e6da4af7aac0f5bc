"use strict";
// What pooling is, for one small matrix: where windows stand, what becomes of their cells, and how
// that is said. No document in here; page.js draws what these functions give.

class Refusal extends Error {}

// ---------------------------------------------------------------- numbers as people read them

// Few decimals where they are exact, else three of them and at least four digits.
function show(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4) && !(Number.isInteger(value) && size < 1e9)) {
    return value.toExponential(3).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  const decimals = size === 0 ? 0 : Math.max(3, 3 - Math.floor(Math.log10(size)));
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? "0" : text.replace(/\.0+$|(\.\d*?)0+$/, "$1");
}

// Numbers in formulas: up to six digits as they are, else four, and then it is said that they are
// rounded. Noise in the last digits, as of 0.1 + 0.2, is none of the reader's business.
class Numbers {
  rounded = false;

  say(value) {
    return this.#digits(value).replace(/-/g, "−");
  }

  #digits(value) {
    if (!Number.isFinite(value)) return show(value);
    const clean = Math.abs(value) < 1e10 ? Number(value.toPrecision(14)) : value;
    if (Number.isInteger(clean) && Math.abs(clean) < 1e16) return String(clean);
    const [mantissa, power] = clean.toExponential().split("e");
    const isShort = mantissa.replace(/\D/g, "").length <= 6;
    const isPlain = Math.abs(clean) >= 1e-4 && Math.abs(clean) < 1e16;
    const trim = (text) => text.replace(/\.0+$|(\.\d*?)0+$/, "$1");
    this.rounded ||= !isShort;
    if (!isPlain) return `${isShort ? mantissa : trim(Number(mantissa).toFixed(3))}e${Number(power)}`;
    return isShort ? String(clean) : trim(clean.toFixed(Math.max(1, 3 - Number(power))));
  }

  // A negative number between operators stands in brackets.
  term(value) {
    const text = this.say(value);
    return text.startsWith("−") ? `(${text})` : text;
  }

  list(values) {
    return values.map((value) => this.say(value)).join(", ");
  }

  sum(values) {
    return values.map((value) => this.term(value)).join(" + ");
  }

  equals(value) {
    const text = this.say(value);
    return ` ${this.rounded ? "≈" : "="} ${text}`;
  }
}

// ---------------------------------------------------------------- windows along one axis

// Where the windows of one axis stand. n: cells; of: what was asked of this axis.
function placeWindows(name, n, { size, stride, padding: [before, after], dilation, ceil }) {
  const effective = (size - 1) * dilation + 1;
  const padded = n + before + after;
  if (effective > padded && !ceil) {
    const what = before || after ? "padded input" : "input";
    throw new Refusal(`${name}: effective kernel ${effective} exceeds ${what} ${padded}`);
  }
  // A window larger than the axis is one window, which reaches past the end.
  let count = Math.max(1, Math[ceil ? "ceil" : "floor"]((padded - effective) / stride) + 1);
  const isDropped = ceil && (count - 1) * stride >= n + before;
  if (isDropped) count -= 1;
  const starts = Array.from({ length: count }, (_, i) => i * stride - before);
  const windows = starts.map((start) => ({
    start,
    cells: Array.from({ length: size }, (_, m) => start + m * dilation),
  }));
  const isReal = (cell) => cell >= 0 && cell < n;
  windows.forEach((window, i) => {
    if (!window.cells.some(isReal)) {
      throw new Refusal(
        `${name}: window ${i} of ${count} would start at ${window.start} and hold none of the ` +
          `${n} real cells; use less padding or dilation`,
      );
    }
  });
  const span = [n, ...(before || after ? [before, after] : [])].join(" + ");
  const [open, close] = ceil ? "⌈⌉" : "⌊⌋";
  const kernel = dilation > 1 ? `(${size} − 1) · ${dilation} + 1 = ${effective}` : null;
  const quotient = `${open}(${span} − ${effective}) / ${stride}${close} + 1`;
  const isLarge = effective - padded >= stride; // and one window all the same
  const text =
    `${isLarge ? `max(1, ${quotient})` : quotient}${isDropped ? " − 1" : ""} = ${count}`;
  const covered = new Set(windows.flatMap((window) => window.cells).filter(isReal));
  return { name, n, count, windows, size, stride, before, after, kernel, text, covered };
}

// One sentence where both axes are alike, else one for each.
function sizeFormula(axes) {
  const lines = axes.map(({ kernel, text }) => (kernel ? `${kernel},   ${text}` : text));
  if (axes.length === 1) return [`${lines[0]} in ${axes[0].name}`];
  if (lines[0] === lines[1]) return [`${lines[0]} in height and in width`];
  return axes.map((axis, i) => `${lines[i]} in ${axis.name}`);
}

const MOST_TERMS = 12;

// ---------------------------------------------------------------- all windows of a matrix

// settings: op, params, size, stride, padding, dilation, ceil (each for [height, width], or
// [width] where the input is one row), countPadding, divisor, skipNaN, nodata, minValid.
// Returns the axes and one record for each window, row by row. Raises Refusal.
function pool(matrix, settings) {
  const { op: name, params } = settings;
  const op = OPS[name];
  const [rows, columns] = [matrix.length, matrix[0].length];
  const isRow = settings.size.length === 1;
  const cells = isRow ? [columns] : [rows, columns];
  const names = isRow ? ["width"] : ["height", "width"];
  const place = (axis, i) =>
    placeWindows(axis, cells[i], {
      size: settings.size[i],
      stride: settings.stride[i],
      padding: settings.padding[i],
      dilation: settings.dilation[i],
      ceil: settings.ceil,
    });
  const axes = withAdvice(cells, settings.size, () => names.map(place));
  const [down, along] = isRow ? [ONE_ROW, axes[0]] : axes;
  const records = [];
  down.windows.forEach((vertical, i) => {
    along.windows.forEach((horizontal, j) => {
      records.push(
        poolWindow(matrix, op, name, params, settings, { down, along, vertical, horizontal, i, j }),
      );
    });
  });
  return { axes, rows: down.count, columns: along.count, down, along, records };
}

// Where a window is refused in a matrix of one row or column: there is a size that fits it.
function withAdvice(cells, size, placed) {
  try {
    return placed();
  } catch (error) {
    const isLine = cells.includes(1) && Math.max(...cells) > 1 && size.every((n) => n === size[0]);
    if (!(error instanceof Refusal) || !isLine) throw error;
    const along = cells.map((n) => (n === 1 ? 1 : size[0])).join("x");
    throw new Refusal(`${error.message}; the size ${along} slides along the rest`);
  }
}

const ONE_ROW = {
  n: 1, count: 1, before: 0, after: 0, size: 1, stride: 1,
  windows: [{ start: 0, cells: [0] }], covered: new Set([0]),
};

// The cells of a window along one axis, each with its binomial weight. Some ops mirror the cells
// at the edge where others have padding.
function cellsAlong(axis, window, mirrors) {
  const weights = new Map();
  window.cells.forEach((at, m) => {
    const cell = mirrors ? mirror(at, axis.n) : at;
    if (cell < 0 || cell >= axis.n) return;
    weights.set(cell, (weights.get(cell) ?? 0) + binomial(axis.size - 1, m));
  });
  return [...weights].sort(([a], [b]) => a - b);
}

// How many cells of a window are real or asked-for padding, which those are not that ceil reaches.
function explicit({ before, after, n }, window) {
  return window.cells.filter((cell) => cell >= -before && cell < n + after).length;
}

function poolWindow(matrix, op, name, params, settings, at) {
  const { down, along, vertical, horizontal, i, j } = at;
  const isMissing = (v) =>
    (settings.skipNaN && Number.isNaN(v)) || (settings.nodata !== null && v === settings.nodata);
  const real = cellsAlong(down, vertical, op.mirrors).flatMap(([row, w]) =>
    cellsAlong(along, horizontal, op.mirrors).map(([column, v]) => {
      return { row, column, weight: w * v, value: matrix[row][column] };
    }),
  );
  const members = real.filter(({ value }) => !isMissing(value));
  const x = members.map(({ value }) => value);
  const padded = explicit(down, vertical) * explicit(along, horizontal) - real.length;
  const count = settings.divisor ?? x.length + (settings.countPadding ? padded : 0);
  const weights = members.map(({ weight }) => weight);
  const more = { count, place: i * along.count + j, weights };
  const record = {
    row: i,
    column: j,
    hue: settings.size.length === 1 ? j % 4 : 2 * (i % 2) + (j % 2),
    window: vertical.cells.flatMap((row) => horizontal.cells.map((column) => [row, column])),
    winner: null,
  };
  const numbers = new Numbers();
  if (x.length === 0 || x.length < settings.minValid * real.length) {
    const value = op.empty ?? settings.nodata ?? NaN;
    const why = x.length ? `only ${x.length} of ${real.length} there` : "no cell counts";
    return { ...record, value, text: why + numbers.equals(value) };
  }
  if (settings.refuseNaN && x.some(Number.isNaN)) {
    const { row, column } = members.find(({ value }) => Number.isNaN(value));
    const where = settings.size.length === 1 ? `width ${column}` : `height ${row}, width ${column}`;
    throw new Refusal(`NaN at ${where}; use --nan skip or --nan propagate`);
  }
  const isNaNThere = !op.alone && x.some(Number.isNaN);
  const value = isNaNThere ? NaN : op.value(x, params, more);
  const picked = op.pick ? op.pick(x, value, params, more) : -1;
  const winner = picked < 0 ? null : [members[picked].row, members[picked].column];
  const isMany = x.length > MOST_TERMS;
  const text = isMany ? `${name} of ${x.length} values` : op.text(numbers, x, params, more);
  const isComplete = !isMany && op.isComplete?.(params, x);
  return { ...record, winner, value, text: text + (isComplete ? "" : numbers.equals(value)) };
}
