// biome-ignore-all lint/correctness/noUnusedVariables: the scripts of the page share one scope, the later ones use it
/** An answer that takes longer, in ms, is none. */
const ANSWER_MS = 5000;

/** What a stream shows when it is opened: its figures, its latest gaps, and its codes. */
class Detail {
  /** @param wanted what is looked for among the codes */
  constructor(box, path, wanted) {
    this.box = box;
    this.path = path;
    this.rows = new Map();
    this.sort = 'code';
    this.down = false;
    this.stopped = false;
    this.shownAt = null;
    this.books = false;
    box.replaceChildren(document.getElementById('detail').content.cloneNode(true));
    translate(box);
    this.filter = box.querySelector('input');
    this.body = box.querySelector('tbody');
    this.filter.value = wanted;
    this.filter.addEventListener('input', () => this.arrange());
    for (const button of box.querySelectorAll('[data-sort]'))
      button.addEventListener('click', () => this.sortBy(button.dataset.sort));
    this.ask();
  }

  stop() {
    this.stopped = true;
    this.box.replaceChildren();
  }

  async ask() {
    if (this.stopped) return;
    try {
      const answer = await fetch(`/status/${this.path}`, { signal: AbortSignal.timeout(ANSWER_MS) });
      if (answer.ok) this.show(await answer.json());
    } catch {
      // The stream of events says that the connection is lost.
    }
    this.showAge();
    setTimeout(() => this.ask(), 1000);
  }

  /** Figures that were not brought up to date say when they were true. */
  showAge() {
    const age = this.box.querySelector('.age');
    if (!age) return;
    age.hidden = this.shownAt === null || Date.now() - this.shownAt < ANSWER_MS;
    age.textContent = age.hidden ? '' : words.asOf(clock(this.shownAt));
  }

  show(stream) {
    if (this.stopped) return;
    this.codes = stream.codes;
    if (stream.request_type === 'orderbook' && !this.books) this.showBooks();
    this.shownAt = Date.now();
    const why = this.box.querySelector('.why');
    why.hidden = stream.reason === null;
    why.textContent = said(stream.reason ?? '');
    const delays = (of) => (of ? `${span(of.p50)} · ${span(of.p95)} · ${span(of.p99)}` : '–');
    const sockets = stream.shards.flatMap((shard) => shard.sockets);
    const elsewhere = stream.shards_elsewhere.map(({ collector }) => collector);
    facts(this.box.querySelector('.facts'), [
      [`${words.net} (${words.percentiles})`, delays(stream.latency_ms.exchange)],
      [`${words.ack} (${words.percentiles})`, delays(stream.latency_ms.acknowledged)],
      [words.received, count(stream.totals.rows)],
      [words.acknowledged, count(stream.totals.acknowledged)],
      [words.oldest, oldestText([stream.oldest_unacknowledged_s * 1000, 0])],
      [words.rejected, count(stream.totals.rejected)],
      [words.missing, count(stream.totals.missing_trades)],
      ...(stream.backfill ? [[words.fetched, fetchedText(stream.backfill)]] : []),
      [words.bytes, `${bytes(stream.rates.bytes_per_s)}/s`],
      [words.sockets, `${sockets.length} (${stream.totals.sockets_opened})`],
      ...(elsewhere.length > 0
        ? [[words.elsewhere, `${elsewhere.length} (${[...new Set(elsewhere)].join(', ')})`]]
        : []),
    ]);
    this.showGaps(stream.gaps.slice(-5).reverse());
    this.arrange();
  }

  /** Of order books the last column counts how often they broke, and a price is the best bid and ask. */
  showBooks() {
    this.books = true;
    const head = this.box.querySelector('[data-sort=missing_trades]');
    head.dataset.sort = 'breaks';
    head.dataset.word = 'breaks';
    head.textContent = words.breaks;
  }

  showGaps(gaps) {
    const items = gaps.map(({ from, to, cause, codes, fill }) => {
      const item = document.createElement('li');
      const long = span((to - from) / 1000);
      const parts = [
        clock(from / 1000),
        long,
        words.causes[cause] ?? cause,
        words.codesOf(count(codes.length)),
      ];
      if (fill) parts.push(`${words.fills[fill.state] ?? fill.state} (${count(fill.rows)})`);
      item.textContent = parts.join(' · ');
      return item;
    });
    if (items.length === 0) {
      const item = document.createElement('li');
      item.textContent = words.noGaps;
      items.push(item);
    }
    this.box.querySelector('.past ul').replaceChildren(...items);
  }

  sortBy(column) {
    this.down = this.sort === column ? !this.down : column !== 'code';
    this.sort = column;
    this.arrange();
  }

  /** Rows are kept and moved only where their order changed, so that a selection in them stays. */
  arrange() {
    if (!this.codes) return;
    const wanted = this.filter.value.trim().toLowerCase();
    const shown = this.codes.filter(
      ({ code, symbol }) => code.toLowerCase().includes(wanted) || symbol.toLowerCase().includes(wanted),
    );
    const value = (code) => (this.sort === 'state' ? stateOfCode(code) : code[this.sort]);
    const sign = this.down ? -1 : 1;
    shown.sort((a, b) => {
      const [left, right] = [value(a) ?? -1, value(b) ?? -1];
      return left === right ? a.code.localeCompare(b.code) : left < right ? -sign : sign;
    });
    for (const head of this.box.querySelectorAll('th')) {
      const own = head.firstElementChild.dataset.sort === this.sort;
      if (own) head.setAttribute('aria-sort', this.down ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
    shown.forEach((code, place) => {
      const row = this.rowOf(code);
      if (this.body.children[place] !== row) this.body.insertBefore(row, this.body.children[place] ?? null);
    });
    while (this.body.children.length > shown.length) this.body.lastElementChild.remove();
    this.box.querySelector('.shown').textContent = words.shownOf(shown.length, this.codes.length);
  }

  rowOf(code) {
    let row = this.rows.get(code.symbol);
    if (!row) {
      row = document.createElement('tr');
      for (let cell = 0; cell < 7; cell++) row.insertCell().className = cell > 1 ? 'number' : '';
      const name = document.createElement('b');
      const symbol = document.createElement('small');
      name.textContent = code.code;
      symbol.textContent = code.symbol === code.code ? '' : code.symbol;
      row.cells[0].append(name, symbol);
      row.cells[1].innerHTML = '<span class="pill"><span></span></span>';
      this.rows.set(code.symbol, row);
    }
    const [, state, last, fresh, received, acknowledged, missing] = row.cells;
    setPill(state.firstElementChild, stateOfCode(code));
    state.title = code.refused ?? code.unconfirmed ?? '';
    last.textContent = this.books ? `${price(code.bid)} / ${price(code.ask)}` : price(code.last_price);
    last.title =
      this.books && code.bid !== null && code.ask !== null ? words.spreadOf(price(code.ask - code.bid)) : '';
    fresh.textContent = ago(code.fresh_s === null ? null : code.fresh_s * 1000);
    received.textContent = count(code.received);
    acknowledged.textContent = count(code.acknowledged);
    missing.textContent = count(this.books ? code.breaks : code.missing_trades);
    return row;
  }
}

/** Trades that were fetched afterwards, and codes of gaps for which that can be done and is not. */
function fetchedText({ rows, queued, waiting }) {
  const open = queued - waiting;
  return open > 0 ? `${count(rows)} · ${words.dueOf(count(open))}` : count(rows);
}

function stateOfCode({ refused, stale, confirmed, in_gap, last_data_at }) {
  if (refused !== null) return 'refused';
  if (stale) return 'stale';
  if (in_gap) return 'backoff';
  if (!confirmed) return 'unconfirmed';
  return last_data_at === null ? 'quiet' : 'live';
}

function setPill(pill, state) {
  if (pill.dataset.state !== state) pill.dataset.state = state;
  const word = words.states[state] ?? state;
  if (pill.firstElementChild.textContent !== word) pill.firstElementChild.textContent = word;
}
