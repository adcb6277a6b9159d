/** The page's own life: events in, numbers out. It only looks; nothing here changes the collector. */
const streams = new Map();
const find = (id) => document.getElementById(id);
let latest = null;
let lastMessageMs = 0;

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const next = theme === 'dark' ? 'light' : 'dark';
  const button = find('theme');
  button.textContent = `${next === 'dark' ? '☾' : '☀'} ${words[next]}`;
  button.setAttribute('aria-label', `${words.themeLabel}: ${words[next]}`);
}

const preference = matchMedia('(prefers-color-scheme: dark)');
const currentTheme = () => remembered('kcs-theme') ?? (preference.matches ? 'dark' : 'light');
preference.addEventListener('change', () => setTheme(currentTheme()));

function toggleTheme() {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  remember('kcs-theme', next);
  setTheme(next);
}

function setLanguage(next) {
  speak(next);
  document.documentElement.lang = next;
  translate(document);
  const button = find('language');
  button.textContent = words.language;
  button.lang = next === 'en' ? 'ko' : 'en';
  button.setAttribute('aria-label', `${words.languageLabel}: ${words.language}`);
  setTheme(document.documentElement.dataset.theme ?? currentTheme());
  if (latest) show(latest);
}

function toggleLanguage() {
  const next = language === 'en' ? 'ko' : 'en';
  remember('kcs-language', next);
  setLanguage(next);
}

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
  if (open) line.detail = new Detail(line.box, line.key);
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

/** What keeps a stream from being live, in the words of whoever does, and when it is tried again. */
function showReason(element, { state, reason, retry }, now) {
  const wait = retry === null ? 0 : retry - now;
  const text = [reason === null ? null : said(reason), wait > 0 ? words.againIn(span(wait)) : null]
    .filter(Boolean)
    .join(' · ');
  element.hidden = state === 'live' || text === '';
  element.dataset.state = state;
  if (element.textContent !== text) element.textContent = text;
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
  const past = count(stream.gapCount);
  put(
    line,
    'gaps',
    open > 0 ? `${past} + ${words.openOf(count(open))}` : past,
    open > 0 ? 'bad' : stream.gapCount > 0 ? 'warn' : '',
  );
  const off = stale + refused + unconfirmed;
  put(
    line,
    'codes',
    off > 0 ? `${subscribed - off} / ${subscribed}` : `${subscribed}`,
    off > 0 ? 'warn' : '',
  );
  line.part.codes.title = `${confirmed} / ${subscribed}`;
  line.spark.setAttribute('aria-label', `${words.chart}: ${count(stream.rows)}`);
  if (stream.history || !line.drawn) {
    drawChart(line.spark, line.history, points, { gaps: stream.gaps, now });
    line.drawn = true;
  }
  return line;
}

function show(message) {
  latest = message;
  const kept = new Set(message.streams.map((stream) => showStream(stream, message).key));
  for (const [key, line] of streams) {
    if (kept.has(key)) continue;
    line.detail?.stop();
    line.element.remove();
    streams.delete(key);
  }
  for (const card of document.querySelectorAll('.exchange')) showCard(card, message);
  showHead(message);
  showTotals(message);
}

function showCard(card, { streams: all }) {
  const own = all.filter(({ x }) => `exchange-${x}` === card.id);
  if (own.length === 0) return card.remove();
  const rate = own.reduce((sum, { rows }) => sum + rows, 0);
  const sockets = own.reduce((sum, stream) => sum + stream.sockets, 0);
  card.querySelector('.sum').textContent =
    `${words.rateOf(count(rate))} · ${words.socketsOf(count(sockets))}`;
}

function showHead({ ready, reasons, warnings, id, version, commit, streams: all }) {
  const pill = find('ready');
  // Ready with warnings is no green: something that is wanted is not received.
  pill.dataset.state = ready ? (warnings.length === 0 ? 'live' : 'backoff') : 'blocked';
  const word = ready ? words.ready : words.notReady;
  if (pill.firstElementChild.textContent !== word) pill.firstElementChild.textContent = word;
  find('who').textContent = `${id} · ${version} (${commit.slice(0, 7)})`;
  document.title = `${ready ? '' : '⚠ '}kor-coin-stream`;
  showAlerts(find('alerts'), reasons);
  showAlerts(find('warnings'), warnings);
  find('nothing').hidden = all.length > 0;
  document.querySelector('.hero').hidden = all.length === 0;
}

/** How many rows are on their way, and how long the oldest of them has been. */
function underWay(all) {
  const rows = count(all.reduce((total, { pending }) => total + pending, 0));
  const waited = Math.max(0, ...all.map((stream) => stream.waited));
  return waited > 0 ? `${rows} · ${words.oldestOf(span(waited))}` : rows;
}

/** One sentence each, made anew only where they have changed: a screen reader reads them again. */
function showAlerts(section, reasons) {
  const texts = reasons.map(({ what, why }) => `${what}: ${said(why)}`);
  if (section.dataset.shown === texts.join('\n')) return;
  section.dataset.shown = texts.join('\n');
  section.replaceChildren(
    ...texts.map((text) => Object.assign(document.createElement('p'), { textContent: text })),
  );
}

function showTotals(message) {
  const { streams: all, points } = message;
  const sum = (of) => all.reduce((total, stream) => total + of(stream), 0);
  find('total-rate').textContent = count(sum(({ rows }) => rows));
  const [used, limit] = message.budget;
  const kafka = message.breaker === null || message.breaker === 'closed' ? words.up : words.away;
  facts(find('totals'), [
    [words.acknowledged, count(sum(({ total }) => total))],
    [words.pending, underWay(all)],
    [words.gaps, count(sum(({ gapCount }) => gapCount))],
    [words.openGaps, count(sum(({ codes }) => codes.in_gap))],
    [words.budget, `${((used / limit) * 100).toFixed(1)} %`],
    [words.memory, bytes(message.rss)],
    [`${words.broker} (${message.messaging})`, kafka],
    [`${words.store} (${message.store})`, message.storeUp ? words.up : words.away],
    [words.uptime, span(message.up * 1000)],
  ]);
  if (!all.some(({ history }) => history)) return;
  const histories = [...streams.values()].map((line) => line.history);
  const length = Math.max(0, ...histories.map((one) => one.length));
  const total = Array.from({ length }, (_, index) =>
    histories.reduce((rows, one) => rows + (one[index - (length - one.length)] ?? 0), 0),
  );
  drawChart(find('hero-chart'), total, points, { grid: true });
  find('filling').hidden = total.length > 1;
  find('peak').textContent = total.length > 0 ? `${words.peak} ${count(Math.max(...total))}` : '';
  find('hero-chart').setAttribute('aria-label', words.chart);
}

/** Numbers that nobody renews must not look alive, and least of all the word that all is well. */
function showLink(on) {
  document.body.classList.toggle('lost', !on);
  const link = find('link');
  if (!on && latest) {
    find('ready').dataset.state = 'backoff';
    find('ready').firstElementChild.textContent = words.lost_link;
    document.title = '⚠ kor-coin-stream';
  }
  link.dataset.state = on ? 'on' : 'off';
  link.textContent = on ? `● ${words.live_link}` : `○ ${words.lost_link}`;
}

function listen() {
  const source = new EventSource('/events');
  source.addEventListener('message', (event) => {
    lastMessageMs = performance.now();
    show(JSON.parse(event.data));
    showLink(true);
  });
  source.addEventListener('error', () => {
    showLink(false);
    // A browser gives up on some answers; the next visit may be let in.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}
setInterval(() => {
  if (performance.now() - lastMessageMs > 5000) showLink(false);
}, 2000);

function move(by) {
  const lines = [...document.querySelectorAll('.line')];
  const at = lines.indexOf(document.activeElement?.closest('.stream')?.querySelector('.line'));
  lines[Math.min(lines.length - 1, Math.max(0, at + by))]?.focus();
}

/** Out of the search field, then out of the stream that is open. */
function leave(target, typing) {
  const line = target.closest?.('.stream')?.querySelector('.line');
  if (typing) target.blur();
  if (!line) return;
  if (!typing && line.getAttribute('aria-expanded') === 'true') line.click();
  line.focus();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  t: toggleTheme,
  l: toggleLanguage,
  '/': () => document.querySelector('.find input')?.focus(),
};
document.addEventListener('keydown', (event) => {
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === 'Escape') return leave(event.target, typing);
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

find('theme').addEventListener('click', toggleTheme);
find('language').addEventListener('click', toggleLanguage);
find('ready').firstElementChild.textContent = words.waiting;
setTheme(currentTheme());
setLanguage(language);
listen();
