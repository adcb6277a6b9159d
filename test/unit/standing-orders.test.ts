import { beforeEach, describe, expect, test } from 'bun:test';
import { bithumb } from '../../exchanges/bithumb.ts';
import { upbit } from '../../exchanges/upbit.ts';
import { DesiredMemory } from '../../src/application/commands/desired-memory.ts';
import { DesiredWriter, type ExchangeOffer } from '../../src/application/commands/desired-writer.ts';
import { StandingOrders } from '../../src/application/commands/standing-orders.ts';
import type { Sight } from '../../src/application/markets/listing-watch.ts';
import type { DesiredStore, StateStore } from '../../src/application/state-store.ts';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import { type DesiredStream, type StreamKey, streamKey } from '../../src/core/desired/stream.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { ManualClock } from './manual-clock.ts';

const TICKER = { exchange: 'upbit', request_type: 'ticker' } as const;
const CODES = ['KRW-A', 'KRW-B', 'KRW-C', 'KRW-D'];

let clock: ManualClock;
let store: StateStore;
let markets: Map<string, Markets>;
let events: StreamEvent[];
let wanted: Map<string, DesiredStream>;
let away: boolean;
let ensure: (id: string) => Promise<boolean>;
let sights: (key: StreamKey, symbol: string) => Sight;
let orders: StandingOrders;

function list(id: string, codes: readonly string[]): void {
  markets.get(id)?.replace(codes.map((symbol) => ({ symbol, base: symbol.slice(4), quote: 'KRW' })));
}

function make(exchanges: readonly Exchange[] = [upbit, bithumb]): StandingOrders {
  const offers = new Map<string, ExchangeOffer>(
    exchanges.map((exchange) => [exchange.id, { exchange, enabled: true, url: null, allowedHosts: [] }]),
  );
  const flaky = new Proxy(store.desired, {
    get: (target, name) => (away && name !== 'onNudge' ? refuse : Reflect.get(target, name)),
  }) as DesiredStore;
  const memory = new DesiredMemory(flaky, clock);
  return new StandingOrders({
    writer: new DesiredWriter(flaky, memory, () => clock.now()),
    offers,
    lists: {
      of: (id) => markets.get(id) as Markets,
      ensure: (id) => ensure(id),
      state: () => ({ error: null, refreshedAt: 0, listed: 1 }),
    },
    reporter: { tell: (event) => events.push(event) },
    clock,
    log: createLog('silent', false),
    want: (stream) => wanted.set(streamKey(stream), stream),
    sight: (key, symbol) => sights(key, symbol),
  });
}

async function refuse(): Promise<never> {
  throw new Fault('redis_unavailable', 'redis', 'Redis is away.', '');
}

beforeEach(() => {
  clock = new ManualClock();
  store = memoryStore(clock);
  markets = new Map(['upbit', 'bithumb'].map((id) => [id, new Markets(() => null)]));
  list('upbit', CODES);
  list('bithumb', CODES);
  events = [];
  wanted = new Map();
  away = false;
  ensure = async () => true;
  sights = () => ({ where: 'away' });
  orders = make();
});

function codes(key = 'upbit|ticker'): readonly string[] {
  return wanted.get(key)?.codes ?? [];
}

describe('pins', () => {
  test('one wrong order stops neither its neighbours nor the rest of itself, and is told on every surface', async () => {
    await orders.pin([
      { exchange: 'upbit', type: ['ticker'], symbols: ['KRW-A', 'KRW-GONE'] },
      { exchange: 'upbit', type: ['trade'], symbols: ['KRW-GONE'] },
      { exchange: 'mtgox', type: ['ticker'], symbols: ['BTC'] },
      { exchange: 'bithumb', type: ['ticker'], symbols: ['KRW-B'] },
    ]);
    expect(codes()).toEqual(['KRW-A']);
    expect(codes('bithumb|ticker')).toEqual(['KRW-B']);
    const notices = orders.notices();
    expect(notices.map(({ what }) => what).sort()).toEqual(['mtgox ticker', 'upbit ticker', 'upbit trade']);
    expect(notices.find(({ what }) => what === 'upbit ticker')?.why).toContain(
      'KRW-GONE is not a market of upbit',
    );
    const told = events.filter(({ detail }) => detail && 'pinned' in detail);
    expect(told.map(({ target }) => `${target?.exchange} ${target?.request_type}`).sort()).toEqual(
      notices.map(({ what }) => what).sort(),
    );
    await clock.advance(60_000);
    expect(events.filter(({ detail }) => detail && 'pinned' in detail)).toHaveLength(3);
    list('upbit', [...CODES, 'KRW-GONE']);
    await orders.marketsChanged('upbit');
    expect(codes()).toEqual(['KRW-A', 'KRW-GONE']);
    expect(codes('upbit|trade')).toEqual(['KRW-GONE']);
    expect(orders.notices().map(({ what }) => what)).toEqual(['mtgox ticker']);
    expect(events.at(-1)?.detail).toMatchObject({ pinned: { problem: null } });
  });

  test('none of which can ever run end the start; none end it where something else runs, or may', async () => {
    const gone = [
      { exchange: 'upbit', type: ['ticker' as const], symbols: ['KRW-GONE'] },
      { exchange: 'mtgox', type: ['ticker' as const], symbols: ['BTC'] },
    ];
    const failed = await orders.pin(gone).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Fault);
    expect((failed as Fault).code).toBe('config_invalid');
    expect((failed as Fault).subject).toContain('mtgox ticker BTC');
    await make().pin(gone, () => false);
    away = true;
    await make().pin(gone.slice(0, 1));
    away = false;
    markets.set('upbit', new Markets(() => null));
    await make().pin(gone.slice(0, 1));
  });

  test('the store is away at that moment: they wait, say so, and run when it is back, without any other event', async () => {
    away = true;
    await orders.pin([{ exchange: 'upbit', type: ['ticker'], symbols: ['KRW-A'] }]);
    expect(codes()).toEqual([]);
    expect(orders.notices()[0]?.why).toContain('waits for the state store');
    away = false;
    await orders.storeIsBack();
    expect(codes()).toEqual(['KRW-A']);
    expect(orders.notices()).toEqual([]);
    const other = make();
    away = true;
    await other.pin([{ exchange: 'upbit', type: ['trade'], symbols: ['KRW-B'] }]);
    away = false;
    await clock.advance(20_000);
    expect(codes('upbit|trade')).toEqual(['KRW-B']);
  });

  test('lists that come while the pins of another exchange wait for theirs count', async () => {
    const late = Promise.withResolvers<boolean>();
    for (const id of ['upbit', 'bithumb']) markets.set(id, new Markets(() => null));
    ensure = (id) => (id === 'bithumb' ? late.promise : Promise.resolve(false));
    const begun = orders.pin([
      { exchange: 'bithumb', type: ['ticker'], symbols: ['KRW-A'] },
      { exchange: 'upbit', type: ['ticker'], symbols: ['*'] },
    ]);
    for (let at = 2; at <= CODES.length; at++) {
      list('upbit', CODES.slice(0, at));
      await orders.marketsChanged('upbit');
    }
    expect(codes()).toEqual(CODES);
    late.resolve(false);
    await begun;
    expect(orders.notices()[0]?.why).toContain('KRW-A waits for the market list of bithumb');
    list('bithumb', CODES);
    await orders.marketsChanged('bithumb');
    expect(codes('bithumb|ticker')).toEqual(['KRW-A']);
  });

  test('what the configuration has dropped is pinned no more; a stream it has dropped whole stops', async () => {
    await orders.pin([{ exchange: 'upbit', type: ['ticker', 'trade'], symbols: ['KRW-A', 'KRW-B'] }]);
    expect(codes('upbit|trade')).toEqual(['KRW-A', 'KRW-B']);
    await make().pin([{ exchange: 'upbit', type: ['ticker'], symbols: ['KRW-A'] }]);
    expect(wanted.get('upbit|ticker')).toMatchObject({ codes: ['KRW-A'], pinned: ['KRW-A'] });
    expect(wanted.get('upbit|trade')).toMatchObject({ codes: [], pins: [] });
  });
});

describe('codes that the market list drops', () => {
  beforeEach(async () => {
    await orders.pin([{ exchange: 'upbit', type: ['ticker'], symbols: ['*'] }]);
    expect(codes()).toEqual(CODES);
  });

  test('stay while they bring data, are told, and leave with a gap record when they have fallen silent', async () => {
    let last = clock.micros();
    sights = () => ({ where: 'here', lastDataAt: last, pace: 3_000_000, refused: false });
    list('upbit', CODES.slice(1));
    for (let minute = 0; minute < 5; minute++) {
      last = clock.micros();
      await orders.marketsChanged('upbit');
      expect(codes()).toEqual(CODES);
      await clock.advance(45_000);
    }
    expect(orders.notices()[0]).toMatchObject({ what: 'upbit ticker' });
    expect(orders.notices()[0]?.why).toContain('KRW-A');
    await clock.advance(90_000);
    expect(codes()).toEqual(CODES.slice(1));
    expect(orders.notices()).toEqual([]);
    const gap = events.find(({ kind }) => kind === 'gap')?.gap;
    expect(gap).toMatchObject({ codes: ['KRW-A'], from: last });
    expect(gap?.to).toBeGreaterThan(last);
    const leftAt = gap?.to ?? 0;
    await clock.advance(60_000);
    list('upbit', CODES);
    await orders.marketsChanged('upbit');
    const back = events.filter(({ kind }) => kind === 'gap').at(-1)?.gap;
    expect(back).toMatchObject({ codes: ['KRW-A'], from: leftAt });
    expect(back?.to).toBeGreaterThanOrEqual(clock.micros());
  });

  test('stay while their socket is down or another collector carries them; leave at once where the exchange refused them', async () => {
    list('upbit', CODES.slice(3));
    const where: Record<string, Sight> = {
      'KRW-A': { where: 'away' },
      'KRW-B': { where: 'elsewhere' },
      'KRW-C': { where: 'here', lastDataAt: null, pace: null, refused: true },
    };
    sights = (_, symbol) => where[symbol] as Sight;
    await orders.marketsChanged('upbit');
    await clock.advance(300_000);
    expect(codes()).toEqual(['KRW-A', 'KRW-B', 'KRW-D']);
  });
});

test('two streams that grow at once share the sockets that the exchange allows', async () => {
  const limits = { ...upbit.limits, sockets: 3, codesPerSocket: 1 };
  const many = Array.from({ length: 6 }, (_, at) => `KRW-N${at}`);
  list('upbit', many);
  const limited = make([{ ...upbit, limits }]);
  await Promise.all([
    limited.pin([{ exchange: 'upbit', type: ['ticker'], symbols: many }]),
    make([{ ...upbit, limits }]).marketsChanged('upbit'),
    make([{ ...upbit, limits }]).pin([{ exchange: 'upbit', type: ['trade'], symbols: many }]),
  ]);
  const stored = await store.desired.readAll([TICKER, { ...TICKER, request_type: 'trade' }]);
  const sockets = stored.flatMap(({ shards }) => shards.filter((shard) => shard.length > 0));
  expect(sockets).toHaveLength(3);
});
