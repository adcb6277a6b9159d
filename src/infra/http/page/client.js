/** The page's own life: events in, numbers out. It only looks; nothing here changes the collector. */
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
  const lost = document.body.classList.contains('lost');
  if (!latest) return showAge(true);
  show(latest);
  showLink(!lost);
}

function toggleLanguage() {
  const next = language === 'en' ? 'ko' : 'en';
  remember('kcs-language', next);
  setLanguage(next);
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
  showFound(message);
  askCodes();
}

function showHead({ ready, reasons, warnings, id, version, commit, streams: all }) {
  const pill = find('ready');
  // Ready with warnings is no green: something that is wanted is not received.
  pill.dataset.state = ready ? (warnings.length === 0 ? 'live' : 'backoff') : 'blocked';
  const word = ready ? words.ready : words.notReady;
  if (pill.firstElementChild.textContent !== word) pill.firstElementChild.textContent = word;
  find('who').textContent = `${id} · ${version} (${commit.slice(0, 7)})`;
  document.title = `${ready ? '' : '⚠ '}kor-coin-stream`;
  showTroubles(find('alerts'), reasons);
  showTroubles(find('warnings'), warnings);
  tellKinds([...reasons, ...warnings]);
  find('nothing').hidden = all.length > 0;
  document.querySelector('.hero').hidden = all.length === 0;
}

/** How long the oldest row has been waiting, and the oldest message about the data where that is long. */
function oldestText([rows, messages]) {
  const parts = [rows > 0 ? span(rows) : null, messages > 1000 ? words.messagesOf(span(messages)) : null];
  return parts.filter(Boolean).join(' · ') || words.noneWaits;
}

/** Who shares the work, and what of it is here; nothing where there is nobody to share with. */
function leaseFacts(leases) {
  if (leases === null) return [];
  const { collectors, held, lost } = leases;
  return [
    [words.collectors, count(Math.max(1, collectors.length))],
    [words.leases, lost > 0 ? `${count(held)} · ${words.lostOf(count(lost))}` : count(held)],
  ];
}

function outboxFacts(outbox) {
  if (outbox === null) return [];
  const { ok, messages, age, left } = outbox;
  const room = left === null ? '?' : bytes(left);
  const text = age === null ? words.outboxEmpty(room) : words.outboxOf(count(messages), span(age), room);
  return [[words.outbox, text, ok ? '' : 'bad']];
}

function showTotals(message) {
  const { streams: all, points, oldest, leases } = message;
  const sum = (of) => all.reduce((total, stream) => total + of(stream), 0);
  find('total-rate').textContent = count(sum(({ rows }) => rows));
  const [used, limit] = message.budget;
  const open = sum(({ codes }) => codes.in_gap);
  const away = message.breaker !== null && message.breaker !== 'closed';
  const up = (isUp) => [isUp ? words.up : words.away, isUp ? '' : 'bad'];
  facts(find('totals'), [
    [words.acknowledged, count(sum(({ total }) => total))],
    [words.pending, count(sum(({ pending }) => pending))],
    [words.oldest, oldestText(oldest), Math.max(...oldest) > 5000 ? 'bad' : ''],
    [
      words.gaps,
      gapText(
        sum(({ gapCount }) => gapCount),
        open,
      ),
      open > 0 ? 'bad' : '',
    ],
    [words.budget, `${((used / limit) * 100).toFixed(1)} %`],
    ...outboxFacts(message.outbox),
    [words.memory, bytes(message.rss)],
    [`${words.broker} (${message.messaging})`, ...up(!away)],
    [`${words.store} (${message.store})`, ...up(message.storeUp)],
    ...leaseFacts(leases),
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
  showAge(on);
  if (!on && latest) {
    find('ready').dataset.state = 'backoff';
    find('ready').firstElementChild.textContent = words.lost_link;
    document.title = '⚠ kor-coin-stream';
  }
  link.dataset.state = on ? 'on' : 'off';
  link.textContent = on ? `● ${words.live_link}` : `○ ${words.lost_link}`;
}

/** The axis of the chart: how long ago, or when, once nothing is added at its end. */
function showAge(on) {
  const age = find('as-of');
  age.hidden = on || latest === null;
  age.textContent = age.hidden ? '' : words.asOf(clock(latest.now));
  const ticks = age.hidden
    ? [words.ago15, words.ago10, words.ago5, words.now]
    : [15, 10, 5, 0].map((minutes) => clock(latest.now - minutes * 60_000));
  [...find('axis').children].forEach((tick, place) => {
    setText(tick, ticks[place]);
  });
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
  const lines = [...document.querySelectorAll('.stream:not([hidden]) > .line')];
  const at = lines.indexOf(document.activeElement?.closest('.stream')?.querySelector('.line'));
  lines[Math.min(lines.length - 1, Math.max(0, at + by))]?.focus();
}

/** Out of the search field, then out of the stream that is open. */
function leave(target, typing) {
  if (target === find('search')) {
    target.value = '';
    look();
  }
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
  '/': () =>
    (document.activeElement?.closest('.stream')?.querySelector('.find input') ?? find('search')).focus(),
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

find('search').addEventListener('input', look);
for (const button of document.querySelectorAll('[data-show]'))
  button.addEventListener('click', () => showOnly(button.dataset.show));
find('theme').addEventListener('click', toggleTheme);
find('language').addEventListener('click', toggleLanguage);
find('ready').firstElementChild.textContent = words.waiting;
setTheme(currentTheme());
setLanguage(language);
listen();
