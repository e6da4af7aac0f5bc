// What becomes of the cells of one window: the page's ops, one row each.

const sum = (values) => values.reduce((a, b) => a + b, 0);
const mean = (values) => sum(values) / values.length;
const ascending = (values) => [...values].sort((a, b) => a - b);

// Where in a sorted window of so many values a quantile lies: how far beyond the rank below it, or
// the one rank that it is.
function rank(count, q, method) {
  const at = Number(((count - 1) * q).toPrecision(12));
  const low = Math.floor(at);
  const part = Number((at - low).toPrecision(12));
  const picks = {
    lower: low,
    higher: low + (part > 0),
    nearest: low + (part > 0.5 || (part === 0.5 && low % 2 === 1)),
  };
  return { low, part, picked: part === 0 ? low : (picks[method] ?? null) };
}

function quantile(values, q, method) {
  const ranked = ascending(values);
  const { low, part, picked } = rank(values.length, q, method);
  const [below, above] = [ranked[low], ranked[low + 1]];
  if (picked !== null || below === above) return ranked[picked ?? low];
  const weight = method === "midpoint" ? 0.5 : part;
  return below * (1 - weight) + above * weight;
}

function spread(values, ddof) {
  const centre = mean(values);
  if (values.length <= ddof) return NaN;
  return sum(values.map((v) => (v - centre) ** 2)) / (values.length - ddof);
}

function mostFrequent(values) {
  const counts = new Map();
  for (const value of ascending(values)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].reduce((best, next) => (next[1] > best[1] ? next : best))[0];
}

function powerSum(values, p, signed) {
  return sum(values.map((v) => (signed ? v : Math.abs(v)) ** p));
}

// How many ways there are to take k of n.
function binomial(n, k) {
  let ways = 1;
  for (let m = 0; m < k; m += 1) ways = (ways * (n - m)) / (m + 1);
  return ways;
}

function mirror(index, n) {
  if (n === 1) return 0;
  const turn = 2 * (n - 1);
  const back = ((index % turn) + turn) % turn;
  return Math.min(back, turn - back);
}

// The finaliser of SplitMix64 on a counter: a number in [0, 1) for each seed and place.
function uniform(seed, place) {
  const word = (bits) => BigInt.asUintN(64, bits);
  const mix = (bits) => {
    bits = word((bits ^ (bits >> 30n)) * 0xbf58476d1ce4e5b9n);
    bits = word((bits ^ (bits >> 27n)) * 0x94d049bb133111ebn);
    return bits ^ (bits >> 31n);
  };
  const golden = 0x9e3779b97f4a7c15n;
  const start = mix(word(BigInt(seed) + golden));
  return Number(mix(word((BigInt(place) + 1n) * golden + start)) >> 11n) / 2 ** 53;
}

function activations(values, negatives) {
  const least = Math.min(...values);
  if (negatives === "error" && least < 0) {
    throw new Refusal(
      `stochastic pooling of a negative activation, ${least}; ` +
        "use --negatives relu or --negatives shift",
    );
  }
  const kept = negatives === "relu" ? values.map((v) => Math.max(v, 0)) : values;
  // Beside an infinity nothing else has a chance.
  const weights = kept.includes(Infinity)
    ? kept.map((v) => Number(v === Infinity))
    : kept.map((v) => (negatives === "shift" ? v - least : v));
  return { kept, weights };
}

function drawn(values, { seed, negatives }, place) {
  const { weights } = activations(values, negatives);
  const threshold = uniform(seed, place) * sum(weights);
  let running = 0;
  const found = weights.findIndex((weight) => (running += weight) > threshold);
  const last = weights.findLastIndex((weight) => weight > 0);
  return found < 0 ? Math.max(last, 0) : found;
}

function power(numbers, value, p, signed) {
  if (p === 2) return `${numbers.term(value)}²`;
  const base = signed || !(value < 0) ? numbers.term(value) : `|${numbers.say(value)}|`;
  return p === 1 ? base : `${base}^${numbers.term(p)}`;
}

const powers = (numbers, x, p, signed) => x.map((v) => power(numbers, v, p, signed)).join(" + ");
const root = (numbers, inside, p) => (p === 1 ? inside : `(${inside})^(1/${numbers.say(p)})`);
const meanText = (numbers, x, count) =>
  `${x.length > 1 ? `(${numbers.sum(x)})` : numbers.sum(x)} / ${numbers.term(count)}`;

function ordinal(n) {
  return `${n}${["th", "st", "nd", "rd"][n] ?? "th"}`;
}

// There is nothing to sort or to draw from.
const nanText = (numbers, x) => `${numbers.list(x)}: one is nan`;

// The sorted window, and where in it the quantile lies.
function rankText(numbers, x, q, method) {
  if (x.some(Number.isNaN)) return nanText(numbers, x);
  const ordered = ascending(x);
  const { low, part, picked } = rank(x.length, q, method);
  const start = `sorted ${numbers.list(ordered)}: `;
  if (picked !== null) return `${start}the ${ordinal(picked + 1)}`;
  const [below, above] = [ordered[low], ordered[low + 1]];
  if (method === "midpoint" || part === 0.5) return `${start}(${numbers.sum([below, above])}) / 2`;
  const step = `${numbers.say(part)} · (${numbers.term(above)} − ${numbers.term(below)})`;
  return `${start}${numbers.term(below)} + ${step}`;
}

function spreadText(numbers, x, ddof) {
  const middle = numbers.term(mean(x));
  const squares = x.map((v) => `(${numbers.term(v)} − ${middle})²`).join(" + ");
  return `(${squares}) / ${ddof ? `(${x.length} − ${ddof})` : x.length}`;
}

function drawText(numbers, x, params, place) {
  if (x.some(Number.isNaN)) return nanText(numbers, x);
  const { kept, weights } = activations(x, params.negatives);
  const total = sum(weights);
  if (params.mode === "expected") {
    const products = weights.map((w, i) =>
      w === kept[i] ? `${numbers.term(w)}²` : `${numbers.term(w)}·${numbers.term(kept[i])}`,
    );
    return `(${products.join(" + ")}) / (${numbers.sum(weights)})`;
  }
  const which = drawn(x, params, place);
  const value = numbers.say(kept[which]);
  if (!(total > 0)) return `drew ${value}, as all are alike`;
  return `drew ${value} with ${numbers.say(weights[which])}/${numbers.say(total)}`;
}

function frequencyText(numbers, x) {
  if (x.some(Number.isNaN)) return nanText(numbers, x);
  const often = mostFrequent(x);
  const times = x.filter((v) => v === often).length;
  const why = times > 1 ? `${times} times` : "each once, the smallest";
  return `sorted ${numbers.list(ascending(x))}: ${why}`;
}

// What the page knows of each op. value: the result of the cells of one window (x), by the op's
// parameters (p) and what else there is: count, that a mean divides by; place, of the window in the
// output; weights, of the cells. text: the arithmetic without its result, by the writer of numbers
// (n). pick: which of the cells is the result.
const firstOf = (x, value) => x.findIndex((v) => Object.is(v, value) || v === value);
const OPS = {
  max: { value: (x) => Math.max(...x), text: (n, x) => `max(${n.list(x)})`, pick: firstOf },
  min: { value: (x) => Math.min(...x), text: (n, x) => `min(${n.list(x)})`, pick: firstOf },
  avg: {
    value: (x, _, { count }) => sum(x) / count,
    text: (n, x, _, { count }) => meanText(n, x, count),
  },
  sum: { value: sum, text: (n, x) => n.sum(x) },
  lp: {
    value: (x, { norm, signed }) =>
      norm === Infinity ? Math.max(...x.map(Math.abs)) : powerSum(x, norm, signed) ** (1 / norm),
    text: (n, x, { norm, signed }) =>
      norm === Infinity
        ? `max(${x.map((v) => `|${n.say(v)}|`).join(", ")})`
        : root(n, powers(n, x, norm, signed), norm),
  },
  rms: {
    value: (x) => Math.sqrt(powerSum(x, 2, false) / x.length),
    text: (n, x) => root(n, `(${powers(n, x, 2)}) / ${x.length}`, 2),
  },
  median: {
    value: (x, { method }) => quantile(x, 0.5, method),
    text: (n, x, { method }) => rankText(n, x, 0.5, method),
    pick: firstOf,
  },
  quantile: {
    value: (x, { q, method }) => quantile(x, q, method),
    text: (n, x, { q, method }) => rankText(n, x, q, method),
    pick: firstOf,
  },
  mode: { value: mostFrequent, text: frequencyText, pick: firstOf },
  range: {
    value: (x) => Math.max(...x) - Math.min(...x),
    text: (n, x) => `${n.term(Math.max(...x))} − ${n.term(Math.min(...x))}`,
  },
  std: {
    value: (x, { ddof }) => Math.sqrt(spread(x, ddof)),
    text: (n, x, { ddof }) => `(${spreadText(n, x, ddof)})^(1/2)`,
  },
  var: {
    value: (x, { ddof }) => spread(x, ddof),
    text: (n, x, { ddof }) => spreadText(n, x, ddof),
  },
  stochastic: {
    value: (x, p, { place }) => {
      const { kept, weights } = activations(x, p.negatives);
      if (p.mode === "sample") return kept[drawn(x, p, place)];
      const total = sum(weights);
      return total === 0 ? kept[0] : sum(weights.map((w, i) => (w ? w * kept[i] : 0))) / total;
    },
    text: (n, x, p, { place }) => drawText(n, x, p, place),
    isComplete: ({ mode }, x) => mode === "sample" && !x.some(Number.isNaN),
    pick: (x, value, p, { place }) => {
      const which = p.mode === "sample" ? drawn(x, p, place) : -1;
      return x[which] === value ? which : -1;
    },
  },
  gem: {
    value: (x, { p, eps }) => mean(x.map((v) => Math.max(v, eps) ** p)) ** (1 / p),
    text: (n, x, { p, eps }) =>
      root(n, `(${powers(n, x.map((v) => Math.max(v, eps)), p)}) / ${x.length}`, p),
  },
  soft: {
    value: (x) => {
      const top = Math.max(...x);
      if (!Number.isFinite(top)) return top;
      const parts = x.filter((v) => v > -Infinity).map((v) => [Math.exp(v - top), v]);
      return sum(parts.map(([w, v]) => w * v)) / sum(parts.map(([w]) => w));
    },
    text: (n, x) => {
      const weights = x.map((v) => `e^${n.term(v)}`);
      return `(${x.map((v, i) => `${n.term(v)}·${weights[i]}`).join(" + ")}) / (${weights.join(" + ")})`;
    },
  },
  lse: {
    value: (x, { r }) => {
      const top = Math.max(...x.map((v) => r * v));
      if (!Number.isFinite(top)) return top / r;
      return (top + Math.log(mean(x.map((v) => Math.exp(r * v - top))))) / r;
    },
    text: (n, x, { r }) => {
      const terms = x.map((v) => (r === 1 ? `e^${n.term(v)}` : `e^(${n.term(r)}·${n.term(v)})`));
      return `log((${terms.join(" + ")}) / ${x.length})${r === 1 ? "" : ` / ${n.term(r)}`}`;
    },
  },
  mixed: {
    value: (x, { alpha }, { count }) => {
      const [high, middle] = [Math.max(...x), sum(x) / count];
      // At the ends the other share is nothing, where 0 times an infinity would be NaN.
      if (alpha === 0 || alpha === 1) return alpha ? high : middle;
      return alpha * high + (1 - alpha) * middle;
    },
    text: (n, x, { alpha }, { count }) =>
      `${n.say(alpha)} · ${n.term(Math.max(...x))} + ${n.say(1 - alpha)} · ${meanText(n, x, count)}`,
  },
  blur: {
    mirrors: true,
    value: (x, _, { weights }) => sum(x.map((v, i) => v * weights[i])) / sum(weights),
    text: (n, x, _, { weights }) => {
      const terms = x.map((v, i) => (weights[i] === 1 ? n.term(v) : `${weights[i]}·${n.term(v)}`));
      return `(${terms.join(" + ")}) / ${sum(weights)}`;
    },
  },
  subsample: {
    alone: true, // a NaN elsewhere in the window is not looked at
    value: (x) => x[0],
    text: (n, x) => `the first of ${n.list(x)}`,
    pick: () => 0,
  },
  count: {
    alone: true,
    empty: 0, // what a window gives in which no cell counts
    value: (x) => x.filter((v) => !Number.isNaN(v)).length,
    text: (n, x) => (x.some(Number.isNaN) ? `${n.list(x)}: those that are numbers` : `count(${n.list(x)})`),
  },
};
