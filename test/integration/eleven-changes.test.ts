import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import { compareTrades } from '../simulator/compare.ts';
import type { Row } from '../simulator/ledger.ts';
import { firstCodes, type ReadEvent, type Run, startRun, subscribed, toldMissing } from './eleven-parts.ts';
import { subscriptions } from './sockets.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(120_000);

let run: Run | null = null;
afterEach(async () => {
  await run?.end();
  run = null;
});

/** Waits until what `look` returns is `wanted`. */
async function becomes(look: () => Promise<boolean>, what: string, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`${what}: not in time`);
    await Bun.sleep(300);
  }
}

test('700 codes at 200 a socket: where 100 leave and 100 others join, exactly those move', async () => {
  run = await startRun(['--exchanges', 'bybit', '--symbols', '800', '--rate', '200'], (simulator) => [
    ...firstCodes(simulator, 1, 'trade'),
    '--set',
    'exchanges.bybit.codes_per_socket=200',
  ]);
  const { simulator } = run;
  const symbols = simulator.exchanges.bybit?.symbols ?? [];
  const target = { exchange: 'bybit', region: 'asia', request_type: 'trade' };
  const command = { type: 'command', action: 'connect_and_subscribe', target };
  await subscribed(run, 1);
  const before = symbols.slice(0, 700);
  expect(await run.command({ ...command, symbols: before })).toMatchObject({ outcome: 'accepted' });
  await subscribed(run, 700);
  const first = subscriptions(await run.entries());
  const sizes = [...Map.groupBy(first, ({ socket }) => socket).values()].map((own) => own.length);
  expect(sizes.toSorted((a, b) => b - a)).toEqual([200, 200, 200, 100]);

  await simulator.do({ do: 'clear' });
  const leaving = before.filter((_, i) => i > 0 && i % 7 === 3);
  expect(leaving).toHaveLength(100);
  const joining = symbols.slice(700, 800);
  const unsubscribe = { ...command, action: 'unsubscribe', symbols: leaving };
  expect(await run.command(unsubscribe)).toMatchObject({ outcome: 'accepted' });
  expect(await run.command({ ...command, symbols: joining })).toMatchObject({ outcome: 'accepted' });
  const moved = async (what: 'subscribe' | 'unsubscribe') => (await run?.entries())?.of(what) ?? [];
  await becomes(
    async () => (await moved('subscribe')).length >= 100 && (await moved('unsubscribe')).length >= 100,
    'the codes moved',
  );
  await Bun.sleep(2000);
  const names = (entries: readonly { readonly symbol: string }[]) =>
    entries.map(({ symbol }) => symbol).toSorted();
  expect(names(await moved('subscribe'))).toEqual(joining.toSorted());
  expect(names(await moved('unsubscribe'))).toEqual(leaving.toSorted());
  const ledger = await run.ledger();
  expect(ledger.of('open').length + ledger.of('close').length).toBe(0);
  ledger.assertNoViolations();
  // Nor was anything else asked for, and no socket has more than its 200 now.
  const named = ledger
    .of('received')
    .flatMap(({ text }) => (JSON.parse(text) as { args?: string[] }).args ?? []);
  expect(named.map((topic) => topic.replace('publicTrade.', '')).toSorted()).toEqual(
    [...leaving, ...joining].toSorted(),
  );
  const now = [...first.filter(({ symbol }) => !leaving.includes(symbol)), ...(await moved('subscribe'))];
  const after = [...Map.groupBy(now, ({ socket }) => socket).values()].map((own) => own.length);
  expect(after.reduce((sum, own) => sum + own, 0)).toBe(700);
  expect(Math.max(...after)).toBeLessThanOrEqual(200);
  expect(after).toHaveLength(4);
  expect(await run.collector.stop()).toBe(0);
});

test('holes in consecutive ids are reported as they are, with their first and last id', async () => {
  const ids = ['binance', 'coinbase', 'kraken', 'okx'];
  run = await startRun(['--exchanges', ids.join(','), '--symbols', '10', '--rate', '120'], (simulator) =>
    firstCodes(simulator, 5, 'trade'),
  );
  const { simulator } = run;
  await subscribed(run, ids.length * 5);
  await Bun.sleep(3000);
  for (const exchange of ids) {
    for (const n of [0, 1]) {
      const symbol = simulator.exchanges[exchange]?.symbols[n] ?? '';
      await simulator.do({ do: 'hole', exchange, symbol, count: 2 + n });
    }
  }
  await becomes(
    async () => ((await run?.events()) ?? []).filter(({ gap }) => gap?.cause === 'missing_ids').length >= 8,
    'the holes were told',
    40_000,
  );
  expect(await run.collector.stop()).toBe(0);
  const [ledger, events, rows] = await Promise.all([run.ledger(), run.events(), run.rows('trade')]);
  const codes = new Map(rows.map(({ exchange, symbol, code }) => [`${exchange} ${symbol}`, code]));
  const injected = ledger
    .of('hole')
    .map(
      ({ exchange, symbol, first, last }) =>
        `${exchange} ${codes.get(`${exchange} ${symbol}`)} ${first} ${last}`,
    );
  const reported = toldMissing(events);
  expect(injected).toHaveLength(8);
  expect(reported.toSorted()).toEqual(injected.toSorted());
});

// Upbit and Bithumb ignore such a code in silence: it is asked for again, then told. Binance confirms it: see below.
test('every refused code is told once, in the words of the exchange, and its neighbours flow', async () => {
  const silent = ['upbit', 'bithumb'];
  const outspoken = ['coinone', 'korbit', 'bybit', 'okx', 'huobi', 'coinbase', 'kraken', 'bitfinex'];
  const ids = [...silent, ...outspoken];
  const refused = (symbols: readonly string[]) => [symbols[1] ?? '', symbols[4] ?? ''];
  run = await startRun(
    ['--exchanges', ids.join(','), '--symbols', '12', '--rate', '400'],
    (simulator) => [...firstCodes(simulator, 8, 'trade'), '--set', 'connection.confirm_timeout_ms=4000'],
    async (simulator) => {
      for (const exchange of ids) {
        for (const symbol of refused(simulator.exchanges[exchange]?.symbols ?? []))
          await simulator.do({ do: 'refuse', exchange, symbol });
      }
    },
  );
  const { simulator } = run;
  await subscribed(run, ids.length * 6);
  await Bun.sleep(12_000);
  expect(await run.collector.stop()).toBe(0);
  const [events, errors, rows, ledger] = await Promise.all([
    run.events(),
    run.json('ws.error'),
    run.rows('trade'),
    run.ledger(),
  ]);
  ledger.assertNoViolations();
  type Told = { exchange: string; symbol: string; words: string };
  const told: Told[] = events.flatMap(({ target, detail, reason }) => {
    const kind = silent.includes(target?.exchange ?? '') ? 'unconfirmed' : 'refused';
    return ((detail?.[kind] ?? []) as { symbol: string }[]).map(({ symbol }) => ({
      exchange: target?.exchange ?? '',
      symbol,
      words: reason ?? '',
    }));
  });
  const erred = errors.flatMap((message) => {
    const { target, error, meta } = message as {
      target: { exchange: string } | null;
      error: { error_code: string; error_message: { message: string } };
      meta: { raw_context: { symbol?: string } };
    };
    const kind = silent.includes(target?.exchange ?? '') ? 'unconfirmed' : 'refused';
    if (error.error_code !== `subscription_${kind}`) return [];
    return [
      { exchange: target?.exchange, symbol: meta.raw_context.symbol, words: error.error_message.message },
    ];
  });
  const name = ({ exchange, symbol }: { exchange?: string | undefined; symbol?: string | undefined }) =>
    `${exchange} ${symbol}`;
  const expected = ids.flatMap((exchange) =>
    refused(simulator.exchanges[exchange]?.symbols ?? []).map((symbol) => `${exchange} ${symbol}`),
  );
  expect(told.map(name).toSorted()).toEqual(expected.toSorted());
  expect(erred.map(name).toSorted()).toEqual(expected.toSorted());
  for (const { exchange = '', words } of [...told, ...erred]) {
    if (silent.includes(exchange)) expect(words).toBe('never confirmed');
    else expect(words).not.toMatch(/^(never confirmed)?$/);
  }
  for (const exchange of silent) {
    const asked = ledger.of('received', exchange).filter(({ text }) => text.includes('codes'));
    expect(asked.length).toBe(2);
  }
  for (const exchange of ids) {
    const symbols = (simulator.exchanges[exchange]?.symbols ?? []).slice(0, 8);
    const flowing = new Set(rows.filter((row) => row.exchange === exchange).map(({ symbol }) => symbol));
    expect([...flowing].toSorted()).toEqual(
      symbols.filter((symbol) => !refused(symbols).includes(symbol)).toSorted(),
    );
  }
});

test('a code that Binance confirms though there is none is told once; its neighbours flow', async () => {
  run = await startRun(
    ['--exchanges', 'binance', '--symbols', '6', '--rate', '50'],
    () => [
      ...['--exchange', 'binance', '--type', 'trade,ticker', '--symbols', 'BTCUSDT,NOPEUSDT'],
      ...['--set', 'connection.idle_timeout_ms=4000', '--set', 'markets.refresh_ms=1000'],
    ],
    // Without a market list every symbol that can be one is taken.
    (simulator) => simulator.do({ do: 'rest', exchange: 'binance', status: 503 }).then(() => {}),
  );
  const { simulator } = run;
  await subscribed(run, 2);
  await simulator.do({ do: 'rest', exchange: 'binance' });
  const told = ({ state, reason }: ReadEvent) => state === 'stale' && reason?.includes('never') === true;
  await run.event((event) => told(event) && event.target?.request_type === 'trade', 40_000);
  await run.event((event) => told(event) && event.target?.request_type === 'ticker', 40_000);
  await Bun.sleep(12_000);
  for (const codes of await run.codes()) {
    expect(codes).toMatchObject([
      { symbol: 'BTCUSDT', stale: false },
      { symbol: 'NOPEUSDT', stale: true, last_data_at: null },
    ]);
  }
  // Now and then it is subscribed anew, for it may be there by now: it is confirmed each time.
  await becomes(
    async () => (await run?.codes())?.every(([, nope]) => nope?.confirmed === true) === true,
    'it is confirmed again',
  );
  expect(await run.collector.stop()).toBe(0);
  const [events, rows, ledger] = await Promise.all([run.events(), run.rows('trade'), run.ledger()]);
  const stale = events.filter(({ state }) => state === 'stale');
  expect(stale.map(({ target, detail }) => `${target?.request_type} ${detail?.symbol}`).toSorted()).toEqual([
    'ticker NOPEUSDT',
    'trade NOPEUSDT',
  ]);
  expect(rows.length).toBeGreaterThan(50);
  ledger.assertNoViolations();
});

test('a market that is listed joins `*` within a refresh, one that is gone leaves it, and an empty list empties nothing', async () => {
  const quotes = new Map([
    ...['upbit', 'bithumb', 'coinone', 'korbit'].map((id) => [id, 'KRW'] as const),
    ...['binance', 'bybit', 'okx', 'huobi'].map((id) => [id, 'USDT'] as const),
    ...['coinbase', 'kraken', 'bitfinex'].map((id) => [id, 'USD'] as const),
  ]);
  const ids = [...quotes.keys()];
  run = await startRun(['--exchanges', ids.join(','), '--symbols', '6', '--rate', '200'], () => [
    ...ids.flatMap((id) => ['--exchange', id, '--type', 'trade', '--symbols', '*']),
    ...['--set', 'markets.refresh_ms=1000'],
  ]);
  const { simulator } = run;
  await subscribed(run, 6 * ids.length);
  const now = async (exchange: string) =>
    run === null ? [] : subscriptions(await run.entries()).filter((one) => one.exchange === exchange);
  for (const [exchange, quote] of quotes) await simulator.do({ do: 'list', exchange, base: 'NEW', quote });
  for (const exchange of ids) {
    const isNew = ({ symbol }: { readonly symbol: string }) => symbol.toUpperCase().includes('NEW');
    await becomes(async () => (await now(exchange)).some(isNew), `${exchange} has the new market`, 4000);
  }
  const joined = await run.event(
    ({ target, detail }) =>
      target?.exchange === 'upbit' &&
      JSON.stringify((detail?.markets as { joined?: unknown } | undefined)?.joined ?? '').includes('NEW'),
  );
  expect(joined.kind).toBe('state');
  // The busiest one: a code that no list has any more leaves after a silence of twenty times its pace.
  const gone = simulator.exchanges.upbit?.symbols[0] ?? '';
  await simulator.do({ do: 'delist', exchange: 'upbit', symbol: gone });
  await run.event(
    ({ target, detail }) =>
      target?.exchange === 'upbit' &&
      JSON.stringify((detail?.markets as { left?: unknown } | undefined)?.left ?? '').includes(gone),
    60_000,
  );

  await simulator.do({ do: 'rest', exchange: 'upbit', status: 200, body: '[]' });
  await simulator.do({ do: 'clear' });
  await becomes(
    async () => ((await run?.entries())?.of('rest', 'upbit') ?? []).length >= 2,
    'the list was read',
  );
  await Bun.sleep(1500);
  const ledger = await run.ledger();
  expect(ledger.of('close', 'upbit')).toEqual([]);
  expect(ledger.of('unsubscribe', 'upbit')).toEqual([]);
  expect(ledger.of('received', 'upbit').filter(({ text }) => text.includes('type'))).toEqual([]);
  expect(await run.collector.stop()).toBe(0);
});

test.each(['upbit', 'bithumb'])(
  '%s, whose requests replace the whole list: the last code leaves, others join',
  async (exchange) => {
    run = await startRun(['--exchanges', `${exchange},kraken`, '--symbols', '6', '--rate', '200'], () => [
      ...['--exchange', 'kraken', '--type', 'trade', '--symbols', 'BTC/USD'],
    ]);
    const { simulator } = run;
    const symbols = simulator.exchanges[exchange]?.symbols ?? [];
    const target = { exchange, region: 'korea', request_type: 'trade' };
    const dropAt = new Map<string, number>();
    const ask = async (action: string, own: readonly string[]) => {
      if (action === 'unsubscribe') for (const symbol of own) dropAt.set(symbol, Date.now());
      const reply = await run?.command({ type: 'command', action, target, symbols: own });
      expect(reply).toMatchObject({ outcome: 'accepted' });
    };
    const now = async () =>
      run === null
        ? []
        : subscriptions(await run.entries())
            .filter((one) => one.exchange === exchange)
            .map(({ symbol }) => symbol)
            .toSorted();
    const [a = '', b = '', c = ''] = symbols;
    await ask('connect_and_subscribe', [a, b]);
    await becomes(async () => (await now()).length === 2, 'two codes are subscribed');
    await ask('unsubscribe', [a]);
    await becomes(async () => (await now()).join() === b, 'one code is left');
    await ask('unsubscribe', [b]);
    await becomes(async () => (await now()).length === 0, 'no code is left');
    const leftAt = Date.now();
    await Bun.sleep(3000);
    const [closed] = (await run.entries()).of('close', exchange);
    expect(closed).toMatchObject({ by: 'client', abrupt: false });
    const againAt = Date.now();
    await ask('connect_and_subscribe', [b, c]);
    await becomes(async () => (await now()).join() === [b, c].toSorted().join(), 'two codes are back');
    await Bun.sleep(3000);
    await simulator.do({ do: 'rate', rowsPerS: 0 });
    await Bun.sleep(1000);
    expect(await run.collector.stop()).toBe(0);
    const [ledger, rows, events] = await Promise.all([run.ledger(), run.rows('trade'), run.events()]);
    ledger.assertNoViolations();
    expect(ledger.of('open', exchange)).toHaveLength(2);
    // No frame with an empty list was ever sent.
    const lists = ledger.of('received', exchange).filter(({ text }) => text.includes('codes'));
    expect(
      lists.map(({ text }) => (JSON.parse(text) as { codes?: string[] }[])[1]?.codes?.toSorted()),
    ).toEqual([[a, b].toSorted(), [b], [b, c].toSorted()]);
    const own = rows.filter((row) => row.exchange === exchange);
    const { missing, ...wrong } = compareTrades(ledger, exchange, own);
    expect(wrong).toEqual({ foreign: [], repeated: [], disordered: [], altered: [] });
    // What was under way when its code left is nobody's.
    const under = ({ symbol, at }: Row) => at >= (dropAt.get(symbol) ?? at + 1) && at <= leftAt;
    expect(missing.filter((row) => !under(row))).toEqual([]);
    expect(own.filter(({ received_at }) => received_at > againAt * 1000).length).toBeGreaterThan(0);
    expect(own.filter(({ received_at: at }) => at > leftAt * 1000 && at < againAt * 1000)).toEqual([]);
    // What nobody wants is no gap.
    expect(events.filter(({ kind, target: of }) => kind === 'gap' && of?.exchange === exchange)).toEqual([]);
  },
);

test('a flood of garbage is counted, sampled in ws.dlq with the count left out, and hurts no neighbour', async () => {
  run = await startRun(
    ['--exchanges', 'upbit,bitfinex,huobi', '--symbols', '6', '--rate', '200'],
    (simulator) => firstCodes(simulator, 4, 'trade'),
  );
  const { simulator } = run;
  await subscribed(run, 12);
  const FRAMES = 300;
  const kinds = ['text', 'truncated', 'bytes', 'number'];
  for (let i = 0; i < FRAMES; i++) {
    for (const exchange of ['upbit', 'bitfinex', 'huobi'])
      await simulator.do({ do: 'garbage', exchange, kind: kinds[i % kinds.length] ?? 'text' });
  }
  await Bun.sleep(2000);
  expect(await run.collector.stop()).toBe(0);
  const letters = (await run.json('ws.dlq')) as unknown as {
    target: { exchange: string } | null;
    meta: { raw_context: { suppressed?: number } };
  }[];
  const ledger = await run.ledger();
  for (const exchange of ['upbit', 'bitfinex', 'huobi']) {
    const own = letters.filter(({ target }) => target?.exchange === exchange);
    const left = own.reduce((sum, { meta }) => sum + (meta.raw_context.suppressed ?? 0), 0);
    const faults = ledger.of('fault', exchange).length;
    expect({ exchange, all: own.length + left }).toEqual({ exchange, all: faults });
    expect(own.length).toBeLessThan(faults);
  }
  const rows = await run.rows('trade');
  expect(rows.length).toBeGreaterThan(100);
  expect(ledger.of('close').filter(({ by }) => by === 'server')).toEqual([]);
});
