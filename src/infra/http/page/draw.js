// biome-ignore-all lint/correctness/noUnusedVariables: the scripts of the page share one scope, the later ones use it
/** Numbers, times and charts. */
const find = (id) => document.getElementById(id);
const SVG = 'http://www.w3.org/2000/svg';
const POINT_MS = 5000;

function count(value) {
  return new Intl.NumberFormat(language, { maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

function price(value) {
  return value === null
    ? '–'
    : new Intl.NumberFormat(language, { maximumSignificantDigits: 12 }).format(value);
}

function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let unit = 0;
  let rest = value;
  for (; rest >= 1024 && unit < units.length - 1; unit++) rest /= 1024;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: rest < 10 ? 1 : 0 }).format(rest)} ${units[unit]}`;
}

/**
 * Milliseconds as a length of time that is easy to compare; a Latin unit stands apart from its number, as in `12 ms`, and a
 * minute is no metre.
 */
function span(ms) {
  const unit = (value, name, digits = 0) =>
    new Intl.NumberFormat(language, {
      style: 'unit',
      unit: name,
      unitDisplay: name === 'minute' ? 'short' : 'narrow',
      maximumFractionDigits: digits,
    })
      .format(value)
      .replace(/(?<=\d)(?=[a-z])/, '\u00a0');
  const long = Math.abs(ms);
  if (long < 1000) return `${Math.round(ms)} ms`;
  if (long < 60_000) return unit(ms / 1000, 'second', 1);
  if (long < 3_600_000) return unit(ms / 60_000, 'minute');
  if (long < 172_800_000) return unit(ms / 3_600_000, 'hour', 1);
  return unit(ms / 86_400_000, 'day');
}

/** How long ago; null was never. */
function ago(ms) {
  if (ms === null) return words.never;
  return ms < 1000 ? words.justNow : span(ms);
}

/** `12:03:05`, in the time zone of whoever looks. */
function clock(ms) {
  return new Date(ms).toTimeString().slice(0, 8);
}

function shape(kind, attributes, name) {
  const element = document.createElementNS(SVG, kind);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.setAttribute('class', name);
  return element;
}

/**
 * A curve of what was over the last 15 minutes, ending now at the right edge.
 * @param gaps [from, to] in epoch ms, marked along the bottom
 */
function drawChart(svg, history, points, { gaps = [], now = 0, grid = false } = {}) {
  const { width, height } = svg.viewBox.baseVal;
  const most = Math.max(1, ...history) * 1.08;
  const step = width / (points - 1);
  const at = (index) => (points - history.length + index) * step;
  const high = (value) => height - 2 - (value / most) * (height - 6);
  const parts = [];
  if (grid) {
    for (const part of [1 / 3, 2 / 3, 1])
      parts.push(shape('line', { x1: 0, x2: width, y1: height * part - 1, y2: height * part - 1 }, 'grid'));
  }
  if (!grid) parts.push(shape('line', { x1: 0, x2: width, y1: height, y2: height }, 'grid'));
  if (history.length > 1) {
    const curve = history
      .map((value, index) => `${at(index).toFixed(1)},${high(value).toFixed(1)}`)
      .join('L');
    parts.push(shape('path', { d: `M${at(0)},${height}L${curve}L${width},${height}Z` }, 'area'));
    parts.push(shape('path', { d: `M${curve}` }, 'curve'));
  }
  for (const [from, to] of gaps) {
    const place = (time) => width - ((now - time) / (points * POINT_MS)) * width;
    const left = Math.max(0, place(from));
    const long = Math.max(width / 90, place(to) - left);
    if (place(to) > 0)
      parts.push(shape('rect', { x: left, y: height - 5, width: long, height: 5, rx: 1 }, 'gap'));
  }
  svg.replaceChildren(...parts);
}

/** Fills a definition list: [term, value] pairs, with a tone where the value has one. */
function facts(list, pairs) {
  const all = pairs.flatMap(([term, value, tone = '']) => {
    const box = document.createElement('div');
    const dt = document.createElement('dt');
    const dd = document.createElement('dd');
    dt.textContent = term;
    dd.textContent = value;
    dd.className = tone;
    box.append(dt, dd);
    return box;
  });
  list.replaceChildren(...all);
}
