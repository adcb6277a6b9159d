// biome-ignore-all lint/correctness/noUnusedVariables: the scripts of the page share one scope, the later ones use it
/** A line for each stream, below the card of its exchange. */
const streams = new Map();
/** A stream that is silent for longer, in ms, says since when. */
const STANDS_MS = 60_000;

/** The line of a stream, made when it is first heard of, below the card of its exchange. */
function lineOf({ x, t, region }) {
  const key = `${x}/${t}`;
  const known = streams.get(key);
  if (known) return known;
  const element = find('stream').content.cloneNode(true).firstElementChild;
  const button = element.querySelector('.line');
  const box = element.querySelector('.detail');
  const line = { element, button, box, key, history: [], detail: null, part: {} };
  for (const name of ['rate', 'fresh', 'net', 'ack', 'gaps', 'codes'])
    line.part[name] = element.querySelector(`.${name}`);
  line.pill = element.querySelector('.pill');
  line.spark = element.querySelector('.spark');
  line.reason = element.querySelector('.reason');
  line.found = element.querySelector('.found');
  line.wanted = '';
  box.id = `detail-${x}-${t}`;
  button.setAttribute('aria-controls', box.id);
  button.addEventListener('click', () => toggle(line));
  translate(element);
  cardOf(x, region).querySelector('ul').append(element);
  streams.set(key, line);
  if (location.hash === `#${key}`) toggle(line);
  return line;
}

function cardOf(exchange, region) {
  const id = `exchange-${exchange}`;
  const known = find(id);
  if (known) return known;
  const card = document.createElement('article');
  card.id = id;
  card.className = 'exchange';
  card.innerHTML =
    '<header><h3></h3><span class="tag"></span><span class="quiet sum"></span></header><ul></ul>';
  card.querySelector('h3').textContent = exchange === 'okx' ? 'OKX' : exchange;
  card.querySelector('.tag').textContent = region;
  card.setAttribute('aria-label', exchange);
  find('exchanges').append(card);
  return card;
}

function toggle(line) {
  const open = line.detail === null;
  line.button.setAttribute('aria-expanded', String(open));
  line.box.hidden = !open;
  if (open) line.detail = new Detail(line.box, line.key, line.wanted);
  else {
    line.detail.stop();
    line.detail = null;
  }
  history.replaceState(null, '', open ? `#${line.key}` : location.pathname);
}

function put({ part }, name, value, tone = '') {
  const cell = part[name];
  if (cell.firstElementChild.textContent !== value) cell.firstElementChild.textContent = value;
  cell.className = `cell ${name} ${tone}`.trim();
}

/**
 * What keeps a stream from being live, in the words of whoever does, when it is tried again, and since when its figures
 * stand still.
 */
function showReason(element, { state, reason, retry, last }, now) {
  const wait = retry === null ? 0 : retry - now;
  const away = state !== 'live';
  const stands = last > 0 && now - last > (away ? 0 : STANDS_MS);
  const text = [
    stands ? words.asOf(clock(last)) : null,
    away && reason !== null ? said(reason) : null,
    away && wait > 0 ? words.againIn(span(wait)) : null,
  ]
    .filter(Boolean)
    .join(' · ');
  element.hidden = text === '' && !away;
  element.dataset.state = state;
  const [word, rest] = element.children;
  setText(word, away ? (words.states[state] ?? state) : '');
  setText(rest, text);
}

/** Gaps that are over, and those that are not: 0 only where there is neither. */
function gapText(past, open) {
  if (open === 0) return count(past);
  return past === 0 ? words.openOf(count(open)) : `${count(past)} + ${words.openOf(count(open))}`;
}

function showStream(stream, { now, points }) {
  const line = lineOf(stream);
  if (stream.history) line.history = stream.history;
  const type = words[stream.t] ?? stream.t;
  line.element.querySelector('.type').textContent = type;
  setPill(line.pill, stream.state);
  showReason(line.reason, stream, now);
  const silence = stream.last === 0 ? null : Math.max(0, now - stream.last);
  put(line, 'rate', count(stream.rows));
  put(line, 'fresh', ago(silence), stream.state === 'stale' ? 'bad' : '');
  put(line, 'net', stream.net ? span(stream.net[1]) : '–');
  put(line, 'ack', stream.ack ? span(stream.ack[1]) : '–', stream.ack && stream.ack[1] > 2000 ? 'warn' : '');
  const { subscribed, stale, refused, unconfirmed, confirmed, in_gap: open } = stream.codes;
  const past = stream.gapCount;
  put(line, 'gaps', gapText(past, open), open > 0 ? 'bad' : past > 0 ? 'warn' : '');
  const off = stale + refused + unconfirmed;
  put(
    line,
    'codes',
    off > 0 ? `${subscribed - off} / ${subscribed}` : `${subscribed}`,
    off > 0 ? 'warn' : '',
  );
  line.part.codes.title = `${confirmed} / ${subscribed}`;
  line.spark.setAttribute('aria-label', `${words.chart}: ${count(stream.rows)}`);
  if (stream.history) drawChart(line.spark, line.history, points, { gaps: stream.gaps, now });
  return line;
}

function showCard(card, { streams: all }) {
  const own = all.filter(({ x }) => `exchange-${x}` === card.id);
  if (own.length === 0) return card.remove();
  const rate = own.reduce((sum, { rows }) => sum + rows, 0);
  const sockets = own.reduce((sum, stream) => sum + stream.sockets, 0);
  card.querySelector('.sum').textContent =
    `${words.rateOf(count(rate))} · ${words.socketsOf(count(sockets))}`;
}
