import { afterEach, expect, setDefaultTimeout, test } from 'bun:test';
import type { Command } from '../simulator/commands.ts';
import { type Past, pastOf, stopAll } from './simulator-rest-parts.ts';

// Real servers take their time on a busy machine.
setDefaultTimeout(60_000);
afterEach(stopAll);

/** Command without the exchange it is for. */
type Fault = Extract<Command, { do: 'rest' }>;

async function binance() {
  const past = await pastOf('binance');
  await past.trade(50);
  const trades = `/api/v3/historicalTrades?symbol=${past.symbol}`;
  const fault = (more: Omit<Fault, 'do' | 'exchange'>) =>
    past.simulator.do({ do: 'rest', exchange: 'binance', ...more });
  return { past, trades, fault };
}

/** Ids of Binance's answer. */
async function idsOf(past: Past, path: string): Promise<string[]> {
  return (await past.json<{ id: number }[]>(path)).map(({ id }) => `${id}`);
}

test('refusals come for so many requests, in the words of the exchange, and break no limit', async () => {
  const { past, trades, fault } = await binance();
  await fault({ status: 429, retryAfterS: 7, times: 2 });
  for (let i = 0; i < 2; i++) {
    const refused = await past.get(trades);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('7');
    expect(await refused.json()).toMatchObject({ code: -1003 });
  }
  expect((await past.get(trades)).status).toBe(200);
  await fault({ status: 418, retryAfterS: 120, times: 1 });
  const banned = await past.get(trades);
  expect(banned.status).toBe(418);
  expect(await banned.json()).toMatchObject({ msg: expect.stringContaining('IP banned until') });
  await fault({ status: 503, body: 'Service Unavailable', times: 1 });
  expect((await past.get(trades)).status).toBe(503);
  expect((await past.get(trades)).status).toBe(200);
  past.simulator.ledger.assertNoViolations();
});

test('a fault may concern some addresses alone', async () => {
  const { past, trades, fault } = await binance();
  await fault({ path: '/api/v3/historicalTrades', status: 500 });
  expect((await past.get('/api/v3/exchangeInfo')).status).toBe(200);
  expect((await past.get(trades)).status).toBe(500);
  await fault({});
  expect((await past.get(trades)).status).toBe(200);
});

test('a page for people comes instead of an answer', async () => {
  const { past, trades, fault } = await binance();
  await fault({ html: true, times: 1 });
  const response = await past.get(trades);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/html');
  expect(await response.text()).toStartWith('<!DOCTYPE html>');
});

test('a body comes slowly, ends in its middle, or its connection does', async () => {
  const { past, trades, fault } = await binance();
  const whole = await (await past.get(trades)).text();
  await fault({ dripMs: 200, times: 1 });
  const from = performance.now();
  expect(await (await past.get(trades)).text()).toBe(whole);
  expect(performance.now() - from).toBeGreaterThan(150);
  await fault({ cut: 'text', times: 1 });
  const half = await (await past.get(trades)).text();
  expect(whole.startsWith(half)).toBe(true);
  expect(half.length).toBeLessThan(whole.length);
  expect(() => JSON.parse(half)).toThrow();
  await fault({ cut: 'connection', times: 1 });
  const cut = past.get(trades).then((response) => response.text());
  await expect(cut).rejects.toThrow();
});

test('trades are shown late, all of them or a few, and some never', async () => {
  const { past, trades } = await binance();
  const { simulator, symbol } = past;
  const last = () => past.all().at(-1)?.id as string;
  await simulator.do({ do: 'late', exchange: 'binance', symbol, count: 2 });
  await past.trade(2);
  const never = past
    .all()
    .slice(-2)
    .map(({ id }) => id);
  await simulator.do({ do: 'late', exchange: 'binance', symbol, ms: 3_600_000 });
  await past.trade(1);
  const late = last();
  await past.trade(1);
  const shown = await idsOf(past, trades);
  expect(shown).toContain(last());
  expect(shown).not.toContain(late);
  for (const id of never) expect(shown).not.toContain(id);
  const inAnHour =
    simulator.ledger.tapes
      .get('binance')
      ?.find(symbol)
      ?.visible(Date.now() + 3_600_001) ?? [];
  expect(inAnHour.map(({ id }) => id)).toContain(late);
  for (const id of never) expect(inAnHour.map((row) => row.id)).not.toContain(id);
  // The ledger knows them all the same.
  expect(past.all().map(({ id }) => id)).toContain(never[0] as string);

  await simulator.do({ do: 'past', exchange: 'binance', delayMs: 3_600_000 });
  expect(await idsOf(past, trades)).toEqual([]);
  await simulator.do({ do: 'past', exchange: 'binance', delayMs: 0 });
  expect(await idsOf(past, trades)).toContain(last());
});

test('the reach is shortened, by rows and by age', async () => {
  const { past, trades } = await binance();
  const { simulator } = past;
  await simulator.do({ do: 'past', exchange: 'binance', reachRows: 5 });
  const newest = past
    .all()
    .slice(-5)
    .map(({ id }) => id);
  expect(await idsOf(past, `${trades}&fromId=1`)).toEqual(newest);
  await simulator.do({ do: 'past', exchange: 'binance', reachRows: 1_000_000, reachMs: 1 });
  await Bun.sleep(20);
  expect(await idsOf(past, trades)).toEqual([]);
});

test('every other answer is an old one, and equal addresses may get equal answers', async () => {
  const { past, trades } = await binance();
  const { simulator } = past;
  await simulator.do({ do: 'past', exchange: 'binance', stale: { ms: 3_600_000, every: 2 } });
  const lengths: number[] = [];
  for (let i = 0; i < 4; i++) lengths.push((await idsOf(past, trades)).length);
  expect(lengths).toEqual([51, 0, 51, 0]);
  await simulator.do({ do: 'past', exchange: 'binance', stale: null, cacheMs: 3_600_000 });
  const kept = await idsOf(past, trades);
  await past.trade(1);
  expect(await idsOf(past, trades)).toEqual(kept);
  expect(await idsOf(past, `${trades}&limit=1000`)).toHaveLength(52);
});

test('pages behind a cursor begin some rows too early', async () => {
  const past = await pastOf('okx');
  await past.trade(30);
  const at = past.all().at(-5)?.id as string;
  const path = `/api/v5/market/history-trades?instId=${past.symbol}&after=${at}&limit=3`;
  const first = async () => (await past.json<{ data: { tradeId: string }[] }>(path)).data[0]?.tradeId;
  expect(await first()).toBe(past.all().at(-6)?.id as string);
  await past.simulator.do({ do: 'past', exchange: 'okx', overlap: 2 });
  expect(await first()).toBe(past.all().at(-4)?.id as string);
});

test('what is kept of the past is bounded; ids that were skipped are not there', async () => {
  const past = await pastOf('binance', { pastRows: 400 });
  await past.trade(1000);
  expect(past.all().length).toBeLessThanOrEqual(400);
  expect(past.all().length).toBeGreaterThan(200);
  await past.simulator.do({ do: 'hole', exchange: 'binance', symbol: past.symbol, count: 3 });
  await past.trade(1);
  const [before, after] = past.all().slice(-2);
  expect(BigInt(after?.id ?? 0) - BigInt(before?.id ?? 0)).toBe(4n);
});
