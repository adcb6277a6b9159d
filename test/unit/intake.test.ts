import { beforeEach, describe, expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { ExchangeOffer } from '../../src/application/commands/desired-writer.ts';
import { CommandIntake } from '../../src/application/commands/intake.ts';
import type { CommandRecord } from '../../src/application/commands/intake-messages.ts';
import type { DeadLetter } from '../../src/application/reporting/reporter.ts';
import type { StateStore } from '../../src/application/state-store.ts';
import { HostBreakers } from '../../src/application/streams/host-breakers.ts';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import type { DesiredStream } from '../../src/core/desired/stream.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { memoryStore } from '../../src/infra/memory/store.ts';
import { malformedRecord } from './malformed-commands.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { randomOf } from './random.ts';

const KEY = { exchange: 'upbit', request_type: 'ticker' } as const;
const TARGET = { exchange: 'upbit', region: 'korea', request_type: 'ticker' };
const LISTED = ['KRW-BTC', 'KRW-ETH', 'BTC-ETH'];
const FIGURES = { failureThreshold: 5, windowMs: 1, openMs: 1, halfOpenMaxCalls: 1, successThreshold: 1 };

let clock: ManualClock;
let store: StateStore;
let markets: Markets;
let events: StreamEvent[];
let faults: string[];
let letters: DeadLetter[];
let changed: DesiredStream[];
/** What the broker does with what is published. */
let broker: () => Promise<void>;
let ensured: number;
let intake: CommandIntake;
let offset = 0;

function make(over: { store?: StateStore; offers?: ExchangeOffer[] } = {}): CommandIntake {
  const offers = over.offers ?? [{ exchange: upbit, enabled: true, url: null, allowedHosts: [] }];
  const kept = over.store ?? store;
  return new CommandIntake({
    store: kept,
    group: 'g',
    offers: new Map(offers.map((offer) => [offer.exchange.id, offer])),
    lists: {
      of: () => markets,
      ensure: async () => {
        ensured++;
        return markets.known;
      },
    },
    marketTimeoutMs: 5000,
    breakers: new HostBreakers({ store: kept.breakers, figures: FIGURES, clock, onChange: () => {} }),
    reporter: {
      event: (event) => {
        events.push(event);
        return broker();
      },
      deadLetter: (letter) => {
        letters.push(letter);
        return broker();
      },
      error: ({ code }) => faults.push(code),
    },
    clock,
    log: createLog('silent', false),
    streamStatus: () => ({ state: 'live' }),
    onDesiredChanged: (stream) => changed.push(stream),
  });
}

beforeEach(() => {
  clock = new ManualClock();
  store = memoryStore(clock);
  markets = new Markets(upbit.markets.split);
  markets.replace(LISTED.map((symbol) => ({ symbol, base: symbol.slice(4), quote: symbol.slice(0, 3) })));
  events = [];
  letters = [];
  faults = [];
  changed = [];
  broker = async () => {};
  ensured = 0;
  intake = make();
});

function record(value: unknown, more: Partial<CommandRecord> = {}): CommandRecord {
  return {
    topic: 'ws.command',
    partition: 0,
    offset: offset++,
    timestampMs: Math.floor(clock.micros() / 1000),
    key: new TextEncoder().encode('korea|upbit|ticker'),
    value: value === null ? null : new TextEncoder().encode(JSON.stringify(value)),
    ...more,
  };
}

function command(action: string, symbols?: string[], more: object = {}): CommandRecord {
  return record({ type: 'command', action, target: TARGET, symbols, correlation_id: 'c-1', ...more });
}

describe('outcomes', () => {
  test('accepted: state in the store, one reply, then the stream is told', async () => {
    await intake.handle(command('connect_and_subscribe', ['BTC']));
    expect(await store.desired.read(KEY)).toMatchObject({
      version: 1,
      codes: ['KRW-BTC'],
      correlation_id: 'c-1',
    });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      kind: 'reply',
      outcome: 'accepted',
      reason: null,
      target: TARGET,
      correlationId: 'c-1',
      resolved: [{ asked: 'BTC', symbol: 'KRW-BTC', code: 'KRW-BTC' }],
    });
    expect(events[0]?.replyId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(changed.map(({ version }) => version)).toEqual([1]);
    expect(letters).toHaveLength(0);
  });

  test('noop and refused; the refused one is a dead letter with paths and the raw bytes', async () => {
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC']));
    await intake.handle(command('connect_and_subscribe', ['BTC']));
    const wrong = command('connect_and_subscribe', ['KRW-BTC', 'NOPE']);
    await intake.handle(wrong);
    expect(events.map(({ outcome }) => outcome)).toEqual(['accepted', 'noop', 'refused']);
    expect(changed).toHaveLength(1);
    expect(letters).toHaveLength(1);
    expect(letters[0]).toMatchObject({
      key: 'korea|upbit|ticker',
      target: TARGET,
      correlationId: 'c-1',
      detail: {
        validation_error: 'unknown_symbols',
        errors: [{ path: 'symbols.1' }],
        reply_id: events[2]?.replyId,
      },
      rawContext: { value_base64: Buffer.from(wrong.value ?? []).toString('base64'), truncated: false },
    });
  });

  test('the dead letter of a refused command also shows its fields, unless they are endless', async () => {
    const shape = { type: 'command', action: 'status', target: TARGET, topic: 'mine', surprise: [1] };
    await intake.handle(record(shape));
    expect(letters[0]?.rawContext).toMatchObject({ ...shape, topic: 'ws.command', truncated: false });
    const deep = `{"type":"command","routing":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    await intake.handle({ ...record(null), value: new TextEncoder().encode(deep) });
    expect(Object.keys(letters[1]?.rawContext ?? {})).not.toContain('routing');
  });

  test('targets that cannot be are named as they came', async () => {
    const target = { exchange: 'nope', region: 'mars', request_type: 'candles' };
    await intake.handle(record({ type: 'command', action: 'disconnect', target }));
    await intake.handle(
      record({ type: 'command', action: 'status', target: { ...TARGET, request_type: 'candles' } }),
    );
    expect(events.map(({ reason }) => reason)).toEqual(['unsupported_exchange', 'unsupported_request_type']);
    expect(letters[0]?.target).toEqual(target);
    expect(events[0]?.target).toEqual(target);
  });

  test('a refusal is an error of the table, by what is wrong with it', async () => {
    await intake.handle({ ...record(null), value: new TextEncoder().encode('{') });
    await intake.handle(record({ type: 'command', action: 'status' }));
    await intake.handle(command('connect_and_subscribe', ['KRW-NOPE']));
    expect(faults).toEqual(['invalid_schema', 'missing_field', 'command_refused']);
    expect(letters.map(({ detail }) => detail.error_code)).toEqual(faults);
  });

  test('a foreign type is counted and gets no reply', async () => {
    await intake.handle(record({ type: 'event', action: 'x' }));
    expect(events).toHaveLength(0);
    expect(intake.counts).toEqual({ accepted: 0, noop: 0, refused: 0, foreign: 1, repeated: 0 });
  });

  test('a record that comes again gets the same answer and changes nothing', async () => {
    const first = command('connect_and_subscribe', ['KRW-BTC'], { ttl_ms: 1000 });
    const status = command('status');
    await intake.handle(first);
    await intake.handle(status);
    await clock.advance(60_000);
    await intake.handle(command('disconnect'));
    const again = make();
    await again.handle(first);
    await again.handle(status);
    expect(events[3]).toEqual(events[0] as StreamEvent);
    expect(events[4]).toEqual(events[1] as StreamEvent);
    expect((await store.desired.read(KEY))?.codes).toEqual([]);
    expect(again.counts.repeated).toBe(2);
  });

  test('the same place of a topic made anew is another record', async () => {
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC'], {}));
    await intake.handle({ ...command('connect_and_subscribe', ['KRW-ETH']), offset: offset - 2 });
    expect(new Set(events.map(({ replyId }) => replyId)).size).toBe(2);
    expect((await store.desired.read(KEY))?.codes).toEqual(['KRW-BTC', 'KRW-ETH']);
  });

  test('status tells desired and actual; the ttl of a record without ts_issue counts from its time', async () => {
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC']));
    await intake.handle(command('status'));
    expect(events[1]).toMatchObject({
      outcome: 'accepted',
      detail: { desired: { symbols: ['KRW-BTC'], version: 1 }, actual: { state: 'live' } },
    });
    const old = command('disconnect', undefined, { ttl_ms: 10 });
    await intake.handle({ ...old, timestampMs: old.timestampMs - 6000 });
    expect(events[2]).toMatchObject({ outcome: 'refused', reason: 'stale' });
  });

  test('a breaker is opened and closed by command', async () => {
    for (const action of ['breaker_open', 'breaker_open', 'breaker_close'])
      await intake.handle(command(action));
    expect(events.map(({ outcome }) => outcome)).toEqual(['accepted', 'noop', 'accepted']);
    expect(events[0]?.detail).toMatchObject({
      breaker: { host: 'api.upbit.com', state: 'open', forced: true },
    });
    expect((await store.breakers.read(['api.upbit.com']))[0]?.state).toBe('closed');
  });

  test('records handed over together are answered in order, without waiting for each acknowledgement', async () => {
    const acknowledge: (() => void)[] = [];
    broker = () => new Promise((resolve) => acknowledge.push(resolve));
    const records = [
      command('connect_and_subscribe', ['KRW-BTC']),
      record('nonsense'),
      command('connect_and_subscribe', ['KRW-BTC']),
      command('disconnect'),
    ];
    const handled = Promise.all(records.map((one) => intake.handle(one)));
    await settle();
    expect(events.map(({ outcome }) => outcome)).toEqual(['accepted', 'refused', 'noop', 'accepted']);
    for (const done of acknowledge) done();
    await handled;
  });

  test('a record that two collectors hold at once has one answer', async () => {
    const twice = command('connect_and_subscribe', ['KRW-BTC']);
    await Promise.all([intake.handle(twice), make().handle(twice)]);
    expect(events).toHaveLength(2);
    expect(events[1]).toEqual(events[0] as StreamEvent);
    expect(events[0]?.outcome).toBe('accepted');
  });

  test('nor has it two where a later command changed the stream before the slower one came to write', async () => {
    const twice = command('connect_and_subscribe', ['KRW-BTC']);
    const later = command('disconnect');
    let writes = 0;
    const write: StateStore['desired']['write'] = async (...change) => {
      if (++writes > 3) throw new Error('it tries without end');
      await intake.handle(twice);
      await intake.handle(later);
      return store.desired.write(...change);
    };
    await make({ store: { ...store, desired: { ...store.desired, write } } }).handle(twice);
    expect(events.at(-1)).toEqual(events[0] as StreamEvent);
    expect((await store.desired.read(KEY))?.codes).toEqual([]);
  });

  test('two partitions at once: both commands count', async () => {
    await Promise.all([
      intake.handle({ ...command('connect_and_subscribe', ['KRW-BTC']), partition: 0 }),
      intake.handle({ ...command('connect_and_subscribe', ['KRW-ETH']), partition: 1 }),
    ]);
    const desired = await store.desired.read(KEY);
    expect(desired?.version).toBe(2);
    expect([...(desired?.codes ?? [])].sort()).toEqual(['KRW-BTC', 'KRW-ETH']);
  });

  test('codes that other streams of the exchange hold sockets for are not there to be had', async () => {
    const limits = { ...upbit.limits, sockets: 2, codesPerSocket: 1 };
    intake = make({
      offers: [{ exchange: { ...upbit, limits }, enabled: true, url: null, allowedHosts: [] }],
    });
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC']));
    await intake.handle(
      command('connect_and_subscribe', ['KRW-BTC', 'KRW-ETH'], {
        target: { ...TARGET, request_type: 'trade' },
      }),
    );
    expect(events[1]).toMatchObject({ reason: 'too_many_codes', detail: { wanted: 2, allowed: 1 } });
  });
});

describe('500 malformed records', () => {
  const seed = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
  test(`each has a reply and a dead letter, and the next command works (seed ${seed})`, async () => {
    const random = randomOf(seed);
    for (let made = 0; made < 500; made++) {
      const { value } = malformedRecord(random);
      await intake.handle({ ...record(null), value, key: random() < 0.5 ? null : Uint8Array.of(0xff, 0x00) });
    }
    expect(events).toHaveLength(500);
    expect(letters).toHaveLength(500);
    expect(events.every(({ target, outcome }) => target === null && outcome === 'refused')).toBe(true);
    expect(new Set(events.map(({ replyId }) => replyId)).size).toBe(500);
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC']));
    expect(changed).toHaveLength(1);
  });

  test('a dead letter of 10 MB fits a broker that takes 1 MB', async () => {
    await intake.handle({ ...record(null), value: new Uint8Array(10_000_000).fill(0x5b) });
    expect(letters[0]?.rawContext).toMatchObject({ value_bytes: 10_000_000, truncated: true });
    expect(JSON.stringify(letters[0]).length).toBeLessThan(900_000);
    expect(JSON.stringify(events[0]).length).toBeLessThan(100_000);
  });
});

describe('while something is away', () => {
  /** The store, with calls that fail as long as `away` says so. */
  function flaky(state: { away: boolean }): StateStore {
    const fault = () => new Fault('redis_unavailable', 'redis', 'Redis is away.', '');
    const back = Promise.withResolvers<void>();
    return {
      ...store,
      get available() {
        return !state.away;
      },
      whenAvailable: async () => {
        while (state.away) await Promise.race([back.promise, settle()]);
      },
      outcomes: {
        read: async (place) => {
          if (state.away) throw fault();
          return store.outcomes.read(place);
        },
        write: store.outcomes.write,
      },
    };
  }

  test('the store: the command waits, is not dropped, and is answered once', async () => {
    const state = { away: true };
    intake = make({ store: flaky(state) });
    let done = false;
    const handled = intake.handle(command('connect_and_subscribe', ['KRW-BTC'])).then(() => {
      done = true;
    });
    await clock.advance(10_000);
    expect({ done, waiting: intake.waiting, events: events.length }).toEqual({
      done: false,
      waiting: true,
      events: 0,
    });
    state.away = false;
    await clock.advance(1000);
    await handled;
    expect(intake.waiting).toBe(false);
    expect(events.map(({ outcome }) => outcome)).toEqual(['accepted']);
  });

  test('the store, and the program stops: the record fails, so that it comes again', async () => {
    intake = make({ store: flaky({ away: true }) });
    const handled = intake
      .handle(command('connect_and_subscribe', ['KRW-BTC']))
      .catch((error: unknown) => error);
    await clock.advance(1000);
    intake.stop();
    expect(await handled).toMatchObject({ code: 'undelivered' });
    expect(events).toHaveLength(0);
  });

  test('the broker: the record is done only when reply and dead letter are acknowledged', async () => {
    const acknowledge: (() => void)[] = [];
    broker = () => new Promise((resolve) => acknowledge.push(resolve));
    let done = false;
    const handled = intake.handle(command('connect_and_subscribe', ['NOPE'])).then(() => {
      done = true;
    });
    await settle();
    expect(acknowledge).toHaveLength(2);
    acknowledge[0]?.();
    await settle();
    expect(done).toBe(false);
    acknowledge[1]?.();
    await handled;
    expect(done).toBe(true);
  });

  test('a reply that the broker refuses for good does not stop the next command; one not delivered fails', async () => {
    broker = async () => {
      throw new Fault('message_rejected', 'ws.event', 'too large', '');
    };
    await intake.handle(command('status'));
    broker = async () => {
      throw new Fault('undelivered', 'ws.event', 'the program stops', '');
    };
    await expect(intake.handle(command('status'))).rejects.toMatchObject({ code: 'undelivered' });
  });

  test('a fault of the program is an answer', async () => {
    intake = make({
      store: {
        ...store,
        desired: { ...store.desired, readAll: async () => Promise.reject(new TypeError('bug')) },
      },
    });
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC']));
    expect(events[0]).toMatchObject({ outcome: 'refused', reason: 'internal_error' });
    expect(letters).toHaveLength(1);
  });

  test('the market list: native ids work, others are refused, and it is not waited for by every command', async () => {
    markets = new Markets(upbit.markets.split);
    await intake.handle(command('connect_and_subscribe', ['KRW-BTC']));
    await intake.handle(command('connect_and_subscribe', ['BTC']));
    expect(events.map(({ reason }) => reason)).toEqual([null, 'market_list_unavailable']);
    expect(ensured).toBe(1);
    await clock.advance(20_000);
    await intake.handle(command('connect_and_subscribe', ['*']));
    expect(ensured).toBe(2);
  });
});
