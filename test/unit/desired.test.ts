import { describe, expect, test } from 'bun:test';
import type { Command } from '../../src/core/commands/command.ts';
import type { Pinner } from '../../src/core/desired/answer.ts';
import { type ApplyContext, apply } from '../../src/core/desired/apply.ts';
import { reselect } from '../../src/core/desired/reselect.ts';
import { originOf, type StreamRules } from '../../src/core/desired/rules.ts';
import { assignShards } from '../../src/core/desired/shards.ts';
import { type DesiredStream, emptyStream, isRunning } from '../../src/core/desired/stream.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';

const NOW = 1_790_000_000_000;
const BASES = ['BTC', 'ETH', 'XRP', 'SOL', 'ADA', 'DOT', 'TRX', 'XLM', 'ETC', 'NEO'];

function korean(symbols: readonly string[]): Markets {
  const split = (symbol: string) => {
    const parts = cut(symbol, '-');
    return parts && { quote: parts[0], base: parts[1] };
  };
  return new Markets(
    split,
    symbols.map((symbol) => ({ symbol, base: symbol.slice(4), quote: symbol.slice(0, 3) })),
  );
}

function rules(more: Partial<StreamRules> = {}): StreamRules {
  return {
    exchange: 'upbit',
    enabled: true,
    region: 'korea',
    types: ['ticker', 'trade'],
    codesPerSocket: 3,
    sockets: null,
    addresses: {
      endpoint: 'wss://api.upbit.com/websocket/v1',
      hosts: ['api.upbit.com', 'alt.upbit.com'],
      allowed: [],
      replaced: null,
    },
    ...more,
  };
}

function command(
  action: Command['action'],
  symbols: readonly string[] = [],
  more: Partial<Command> = {},
): Command {
  return {
    action,
    target: { exchange: 'upbit', region: 'korea', request_type: 'ticker' },
    symbols,
    correlationId: 'c-1',
    issuedAtMs: NOW,
    ttlMs: null,
    url: null,
    socketParams: false,
    ...more,
  };
}

const LISTED = BASES.map((base) => `KRW-${base}`);
const context: ApplyContext = { rules: rules(), markets: korean(LISTED), nowMs: NOW };
const nothing = emptyStream({ exchange: 'upbit', request_type: 'ticker' });

/** Carries out commands one after another, each of which must be accepted. */
function after(...commands: Command[]): DesiredStream {
  return commands.reduce((desired, next) => {
    const applied = apply(desired, next, context);
    expect(applied.reply.outcome).toBe('accepted');
    return applied.desired;
  }, nothing);
}

describe('symbols', () => {
  const resolve = (symbols: string[], markets: Markets, more: Partial<StreamRules> = {}) =>
    apply(nothing, command('connect_and_subscribe', symbols), { ...context, rules: rules(more), markets });

  test('native id, code, native id in any case, bare base against KRW, in this order', () => {
    const joined = new Markets(
      () => null,
      [
        { symbol: 'btc_krw', base: 'BTC', quote: 'KRW' },
        { symbol: 'KRW-ETH', base: 'XRP', quote: 'KRW' },
        { symbol: 'eth_krw', base: 'ETH', quote: 'KRW' },
        { symbol: 'SOL', base: 'SOL', quote: 'USDT' },
        { symbol: 'sol_krw', base: 'SOL', quote: 'KRW' },
      ],
    );
    const { reply } = resolve(['btc_krw', 'KRW-BTC', 'BTC_KRW', 'btc', 'KRW-ETH', 'SOL', 'sol'], joined);
    expect(reply.resolved).toEqual([
      { asked: 'btc_krw', symbol: 'btc_krw', code: 'KRW-BTC' },
      { asked: 'KRW-BTC', symbol: 'btc_krw', code: 'KRW-BTC' },
      { asked: 'BTC_KRW', symbol: 'btc_krw', code: 'KRW-BTC' },
      { asked: 'btc', symbol: 'btc_krw', code: 'KRW-BTC' },
      { asked: 'KRW-ETH', symbol: 'KRW-ETH', code: 'KRW-XRP' },
      { asked: 'SOL', symbol: 'SOL', code: 'USDT-SOL' },
      { asked: 'sol', symbol: 'SOL', code: 'USDT-SOL' },
    ]);
  });

  test('a bare base means nothing outside Korea', () => {
    const applied = apply(
      nothing,
      command('connect_and_subscribe', ['BTC'], {
        target: { exchange: 'upbit', region: 'asia', request_type: 'ticker' },
      }),
      { ...context, rules: rules({ region: 'asia' }) },
    );
    expect(applied.reply.reason).toBe('unknown_symbols');
  });

  test('every unknown one is named with its path, and nothing of the command is done', () => {
    const { desired, reply } = resolve(['KRW-BTC', 'KRW-NOPE', 'KRW-ETH', 'WAT'], context.markets);
    expect(desired).toBe(nothing);
    expect(reply).toMatchObject({ outcome: 'refused', reason: 'unknown_symbols', resolved: [] });
    expect(reply.errors.map(({ path }) => path)).toEqual(['symbols.1', 'symbols.3']);
  });

  test('without a market list native ids are taken, other spellings and the selector are not', () => {
    expect(resolve(['KRW-BTC'], korean([])).desired.codes).toEqual(['KRW-BTC']);
    expect(resolve(['BTC'], korean([])).reply.reason).toBe('market_list_unavailable');
    expect(resolve(['*'], korean([])).reply.reason).toBe('market_list_unavailable');
    const suffix = new Markets((symbol) =>
      symbol.endsWith('BTC') ? { base: symbol.slice(0, -3), quote: 'BTC' } : null,
    );
    expect(resolve(['USDT-BTC'], suffix).reply.reason).toBe('market_list_unavailable');
    expect(resolve(['ETHBTC'], suffix).reply.outcome).toBe('accepted');
  });
});

describe('commands', () => {
  test('a repeated command is a noop and changes nothing, the version neither', () => {
    const first = after(command('connect_and_subscribe', ['KRW-BTC', 'ETH']));
    expect(first).toMatchObject({ version: 1, codes: ['KRW-BTC', 'KRW-ETH'], correlation_id: 'c-1' });
    const again = apply(
      first,
      command('connect_and_subscribe', ['ETH', 'KRW-BTC'], { correlationId: 'c-2' }),
      context,
    );
    expect(again.desired).toBe(first);
    expect(again.reply).toMatchObject({ outcome: 'noop', reason: 'already_subscribed' });
    expect(again.reply.resolved).toHaveLength(2);
  });

  test('the selector takes every market, exceptions leave it, naming one brings it back', () => {
    const all = after(command('connect_and_subscribe', ['*']));
    expect(all.codes).toEqual(LISTED);
    const again = apply(all, command('connect_and_subscribe', ['*']), context).reply;
    expect(again.resolved[0]).toEqual({ asked: '*', symbol: 'KRW-BTC', code: 'KRW-BTC' });
    expect(again).toMatchObject({ outcome: 'noop', resolved: { length: 10 } });
    const less = apply(all, command('unsubscribe', ['KRW-BTC', 'ETH']), context).desired;
    expect(less).toMatchObject({ selector: '*', exceptions: ['KRW-BTC', 'KRW-ETH'] });
    expect(less.codes).toHaveLength(8);
    const back = apply(less, command('connect_and_subscribe', ['KRW-BTC']), context).desired;
    expect(back).toMatchObject({ selector: '*', exceptions: ['KRW-ETH'] });
    expect(apply(back, command('connect_and_subscribe', ['*']), context).desired.exceptions).toEqual([]);
  });

  test('unsubscribing the last code, or *, stops the stream', () => {
    const one = after(command('connect_and_subscribe', ['KRW-BTC']));
    expect(isRunning(apply(one, command('unsubscribe', ['BTC']), context).desired)).toBe(false);
    const all = after(command('connect_and_subscribe', ['*']));
    const stopped = apply(all, command('unsubscribe', ['*']), context);
    expect(stopped.desired).toMatchObject({ version: 2, selector: null, codes: [], shards: [] });
  });

  test('what is subscribed can be unsubscribed after the exchange delisted it', () => {
    const one = after(command('connect_and_subscribe', ['KRW-BTC', 'KRW-ETH']));
    const markets = korean(['KRW-ETH']);
    const { reply, desired } = apply(one, command('unsubscribe', ['KRW-BTC']), { ...context, markets });
    expect(reply.outcome).toBe('accepted');
    expect(desired.codes).toEqual(['KRW-ETH']);
  });

  test('stopping what does not run is a noop', () => {
    expect(apply(nothing, command('disconnect'), context).reply).toMatchObject({
      outcome: 'noop',
      reason: 'not_running',
    });
    expect(apply(nothing, command('unsubscribe', ['BTC']), context).reply.reason).toBe('not_running');
    const one = after(command('connect_and_subscribe', ['KRW-BTC']));
    expect(apply(one, command('unsubscribe', ['ETH']), context).reply.reason).toBe('not_subscribed');
  });

  test('pinned streams can grow and not shrink', () => {
    const pinned = after(command('pin', ['KRW-BTC']), command('connect_and_subscribe', ['ETH']));
    expect(pinned).toMatchObject({ pinned: ['KRW-BTC'], codes: ['KRW-BTC', 'KRW-ETH'] });
    for (const wrong of [
      command('disconnect'),
      command('unsubscribe', ['ETH', 'BTC']),
      command('unsubscribe', ['*']),
    ]) {
      const { reply, desired } = apply(pinned, wrong, context);
      expect(reply.reason).toBe('pinned_by_config');
      expect(desired).toBe(pinned);
    }
    expect(apply(pinned, command('unsubscribe', ['ETH']), context).desired.codes).toEqual(['KRW-BTC']);
    // What the configuration alone asked for leaves with it, what a command asked for stays.
    const freed = apply(pinned, command('pin', []), context).desired;
    expect(freed).toMatchObject({ pinned: [], pins: [], configured: [], codes: ['KRW-ETH'] });
    expect(apply(freed, command('disconnect'), context).reply.outcome).toBe('accepted');
  });

  test('of a pin what can run runs; the rest is told and runs with a later list', () => {
    const limited = { ...context, rules: rules({ sockets: 1 }) };
    const given = apply(nothing, command('pin', ['KRW-BTC', 'KRW-NOPE', 'ETH', 'XRP', 'SOL']), limited);
    expect(given.desired.codes).toEqual(['KRW-BTC', 'KRW-ETH', 'KRW-XRP']);
    expect(given.reply).toMatchObject({ outcome: 'accepted', reason: null });
    expect(given.reply.errors).toEqual([
      { path: 'symbols.1', message: 'KRW-NOPE is not a market of upbit' },
      { path: 'symbols.4', message: 'SOL has no place: 4 codes wanted, 3 allowed' },
    ]);
    const later = { ...context, markets: korean([...LISTED, 'KRW-NOPE']) };
    const again = apply(given.desired, command('pin', ['KRW-BTC', 'KRW-NOPE', 'ETH']), later);
    expect(again.desired.codes).toEqual(['KRW-BTC', 'KRW-ETH', 'KRW-NOPE']);
    expect(again.reply.errors).toEqual([]);
  });

  test('without a market list what was pinned before stays pinned', () => {
    const pinned = after(command('pin', ['BTC']));
    const unknown = { ...context, markets: new Markets(() => null) };
    const { desired, reply } = apply(pinned, command('pin', ['BTC', 'ETH']), unknown);
    expect(desired.pinned).toEqual(['KRW-BTC']);
    expect(desired.codes).toEqual(['KRW-BTC']);
    expect(reply.errors.map(({ message }) => message)).toContain('ETH waits for the market list of upbit');
  });

  describe('pins of several collectors', () => {
    const as = (collector: string, living: readonly string[], more: Partial<Pinner> = {}): ApplyContext => ({
      ...context,
      pinner: {
        collector,
        place: collector.slice(0, 1),
        isLiving: (other) => living.includes(other),
        succeeds: (other) => !living.includes(other.collector) && other.place === collector.slice(0, 1),
        ...more,
      },
    });
    const pinBy = (desired: DesiredStream, by: ApplyContext, symbols: readonly string[]) =>
      apply(desired, command('pin', symbols), by).desired;
    const both = pinBy(pinBy(nothing, as('a1', ['a1']), ['KRW-BTC']), as('b1', ['a1', 'b1']), ['KRW-ETH']);

    test('one does not take away what another asks for, and each code is out of reach of commands', () => {
      expect(both).toMatchObject({ codes: ['KRW-BTC', 'KRW-ETH'], pinned: ['KRW-BTC', 'KRW-ETH'] });
      for (const code of ['KRW-BTC', 'KRW-ETH']) {
        const { reply } = apply(both, command('unsubscribe', [code]), as('b1', ['a1', 'b1']));
        expect(reply.reason).toBe('pinned_by_config');
      }
    });

    test('one that died protects nothing any more, and what it asked for runs on', () => {
      const alone = as('b1', ['b1']);
      expect(pinBy(both, alone, ['KRW-ETH'])).toBe(both);
      const { reply, desired } = apply(both, command('unsubscribe', ['KRW-BTC']), alone);
      expect(reply.outcome).toBe('accepted');
      expect(desired).toMatchObject({ codes: ['KRW-ETH'], configured: ['KRW-ETH'], pinned: ['KRW-ETH'] });
    });

    test('its successor with another configuration takes back what nobody else asks for', () => {
      const next = pinBy(both, as('a2', ['a2', 'b1']), ['KRW-XRP']);
      expect(next).toMatchObject({ codes: ['KRW-ETH', 'KRW-XRP'], pinned: ['KRW-ETH', 'KRW-XRP'] });
      expect(next.pins.map(({ collector }) => collector)).toEqual(['b1', 'a2']);
      const shared = pinBy(both, as('a2', ['a2', 'b1']), ['KRW-ETH']);
      expect(pinBy(shared, as('b2', ['a2', 'b2']), []).codes).toEqual(['KRW-ETH']);
    });

    test('a selector that only the configuration brought leaves with all that it brought', () => {
      const named = after(command('connect_and_subscribe', ['BTC']));
      const all = pinBy(named, as('a1', ['a1']), ['*']);
      expect(all).toMatchObject({ selector: '*', codes: LISTED });
      const grown = reselect(all, korean([...LISTED, 'KRW-NEW']), rules()).desired;
      expect(grown.codes).toContain('KRW-NEW');
      const gone = pinBy(grown, as('a1', ['a1']), []);
      expect(gone).toMatchObject({ selector: null, codes: ['KRW-BTC'], configured: [], pins: [] });
      const wanted = after(command('connect_and_subscribe', ['*']));
      const kept = pinBy(pinBy(wanted, as('a1', ['a1']), ['*']), as('a1', ['a1']), []);
      expect(kept).toMatchObject({ selector: '*', codes: LISTED });
    });
  });

  test('a pinned selector waits for its market list', () => {
    const pinned = apply(nothing, command('pin', ['*']), { ...context, markets: korean([]) }).desired;
    expect(pinned).toMatchObject({ selector: '*', pinned: ['*'], codes: [] });
    expect(reselect(pinned, korean(LISTED), rules()).desired.codes).toEqual(LISTED);
    expect(apply(pinned, command('unsubscribe', ['BTC']), context).reply.reason).toBe('pinned_by_config');
  });

  test('more codes than the limits allow: refused whole, with both numbers', () => {
    const limited = { ...context, rules: rules({ sockets: 2 }) };
    const six = apply(nothing, command('connect_and_subscribe', LISTED.slice(0, 6)), limited);
    expect(six.reply.outcome).toBe('accepted');
    const { reply, desired } = apply(
      six.desired,
      command('connect_and_subscribe', [String(LISTED[6])]),
      limited,
    );
    expect(desired).toBe(six.desired);
    expect(reply).toMatchObject({
      outcome: 'refused',
      reason: 'too_many_codes',
      detail: { wanted: 7, allowed: 6 },
    });
    expect(apply(nothing, command('connect_and_subscribe', ['*']), limited).reply.detail).toMatchObject({
      wanted: 10,
    });
  });

  test.each([
    ['unsupported_exchange', 'target.exchange', { rules: null }, {}],
    [
      'region_mismatch',
      'target.region',
      {},
      { target: { exchange: 'upbit', region: 'asia', request_type: 'ticker' } },
    ],
    [
      'unsupported_request_type',
      'target.request_type',
      {},
      { target: { exchange: 'upbit', region: 'korea', request_type: 'orderbook' } },
    ],
    ['exchange_disabled', 'target.exchange', { rules: rules({ enabled: false }) }, {}],
    ['url_not_allowed', 'connection.url', {}, { url: 'wss://evil.example/x' }],
    ['stale', 'ttl_ms', {}, { ttlMs: 1000, issuedAtMs: NOW - 6001 }],
  ] as const)('%s', (reason, path, around, of) => {
    const { reply, desired } = apply(nothing, command('connect_and_subscribe', ['KRW-BTC'], of), {
      ...context,
      ...around,
    });
    expect(desired).toBe(nothing);
    expect(reply).toMatchObject({ outcome: 'refused', reason });
    expect(reply.errors.map((error) => error.path)).toEqual([path]);
  });

  test('everything wrong with the target is said at once; a ttl has 5 s of slack; no symbols is refused', () => {
    const target = { exchange: 'upbit', region: 'asia', request_type: 'orderbook' };
    const wrong = apply(nothing, command('disconnect', [], { target, url: 'http://x' }), context).reply;
    expect(wrong.errors.map(({ path }) => path)).toEqual([
      'target.region',
      'target.request_type',
      'connection.url',
    ]);
    const late = command('connect_and_subscribe', ['BTC'], { ttlMs: 1000, issuedAtMs: NOW - 6000 });
    expect(apply(nothing, late, context).reply.outcome).toBe('accepted');
    expect(apply(nothing, command('connect_and_subscribe', []), context).reply.reason).toBe('empty_symbols');
  });
});

describe('connection.url', () => {
  const own = rules().addresses;
  test.each([
    ['wss://api.upbit.com/websocket/v1', own, null],
    ['wss://API.UPBIT.COM/any', own, null],
    ['wss://alt.upbit.com/x', own, 'wss://alt.upbit.com'],
    ['wss://api.upbit.com:8443/x', own, 'wss://api.upbit.com:8443'],
    ['ws://api.upbit.com/websocket/v1', own, 'refused'],
    ['wss://api.upbit.com.evil.example/', own, 'refused'],
    ['wss://api.upbit.com@evil.example/', own, 'refused'],
    ['wss://user:pass@api.upbit.com/', own, 'refused'],
    ['https://api.upbit.com/', own, 'refused'],
    ['api.upbit.com', own, 'refused'],
    ['wss://127.0.0.1:9/', own, 'refused'],
    ['ws://proxy.local:9/', { ...own, allowed: ['proxy.local'] }, 'ws://proxy.local:9'],
    ['ws://proxy.local:9/', { ...own, allowed: ['proxy.local:8'] }, 'refused'],
    ['ws://proxy.local:9/up/websocket/v1', { ...own, allowed: ['proxy.local'] }, 'ws://proxy.local:9/up'],
    ['ws://proxy.local:9/websocket/v1', { ...own, allowed: ['proxy.local'] }, 'ws://proxy.local:9'],
    ['ws://proxy.local:9/up/', { ...own, allowed: ['proxy.local'] }, 'ws://proxy.local:9/up'],
    ['ws://evilproxy.local:9/', { ...own, allowed: ['proxy.local'] }, 'refused'],
    ['ws://evilproxy.local:9/', { ...own, allowed: ['proxy.local:9'] }, 'refused'],
    ['wss://evil-api.upbit.com/', own, 'refused'],
    ['wss://evilalt.upbit.com/', own, 'refused'],
    ['wss://sub.alt.upbit.com/', own, 'refused'],
    ['ws://127.0.0.1:7000/x', { ...own, replaced: 'ws://127.0.0.1:7000' }, null],
    ['ws://127.0.0.1:7001/x', { ...own, replaced: 'ws://127.0.0.1:7000' }, 'refused'],
    ['wss://alt.upbit.com/x', { ...own, replaced: 'ws://127.0.0.1:7000' }, null],
  ])('%s', (url, addresses, expected) => {
    const answer = originOf(url, addresses);
    expect(answer.allowed ? answer.origin : 'refused').toBe(expected);
  });
});

describe('shards', () => {
  test('exactly those move that leave or join; freed places are taken first', () => {
    const before = assignShards([], LISTED, 4);
    expect(before.map((shard) => shard.length)).toEqual([4, 4, 2]);
    const wanted = [
      ...LISTED.filter((symbol) => symbol !== 'KRW-ETH' && symbol !== 'KRW-DOT'),
      'KRW-A',
      'KRW-B',
      'KRW-C',
    ];
    const next = assignShards(before, wanted, 4);
    expect(next[0]).toEqual(['KRW-BTC', 'KRW-XRP', 'KRW-SOL', 'KRW-A']);
    expect(next[1]).toEqual(['KRW-ADA', 'KRW-TRX', 'KRW-XLM', 'KRW-B']);
    expect(next[2]).toEqual(['KRW-ETC', 'KRW-NEO', 'KRW-C']);
  });

  test('what joins opens no socket while an open one has room', () => {
    expect(assignShards([[], ['d']], ['d', 'e'], 2)).toEqual([[], ['d', 'e']]);
    expect(assignShards([[], ['d'], ['f', 'g']], ['d', 'f', 'g', 'h', 'i', 'j', 'k'], 2)).toEqual([
      ['i', 'j'],
      ['d', 'h'],
      ['f', 'g'],
      ['k'],
    ]);
  });

  test('an empty shard in the middle keeps the numbers of those behind it; smaller sockets spread', () => {
    expect(assignShards([['a'], ['b'], ['c']], ['a', 'c'], 1)).toEqual([['a'], [], ['c']]);
    expect(assignShards([['a'], ['b'], ['c']], ['a'], 1)).toEqual([['a']]);
    expect(assignShards([['a', 'b', 'c']], ['a', 'b', 'c'], 1)).toEqual([['a'], ['b'], ['c']]);
  });
});

describe('a fresh market list', () => {
  test('what the list has dropped stays while it is to, and what only the configuration brought is known as that', () => {
    const all = after(command('connect_and_subscribe', ['*']));
    const less = korean(LISTED.slice(2));
    const next = reselect(all, less, rules(), (symbol) => symbol === 'KRW-BTC');
    expect(next).toMatchObject({ left: ['KRW-ETH'], kept: ['KRW-BTC'] });
    expect(next.desired.codes).toContain('KRW-BTC');
    const without = apply(all, command('unsubscribe', ['BTC']), context).desired;
    expect(reselect(without, less, rules(), () => true).desired.codes).not.toContain('KRW-BTC');
  });

  test('listings join and leave the selector; exceptions and what is asked by name stay', () => {
    const all = apply(
      after(command('connect_and_subscribe', ['*'])),
      command('unsubscribe', ['XRP']),
      context,
    ).desired;
    const next = reselect(all, korean([...LISTED.slice(1), 'KRW-NEW']), rules());
    expect(next.joined).toEqual(['KRW-NEW']);
    expect(next.left).toEqual(['KRW-BTC']);
    expect(next.desired.version).toBe(all.version + 1);
    expect(reselect(next.desired, korean([...LISTED.slice(1), 'KRW-NEW']), rules()).desired).toBe(
      next.desired,
    );
    const named = after(command('connect_and_subscribe', ['KRW-BTC']));
    expect(reselect(named, korean(['KRW-ETH']), rules()).desired).toBe(named);
    expect(reselect(all, korean([]), rules()).desired).toBe(all);
  });

  test('no more than the limits allow, those that run first', () => {
    const some = apply(nothing, command('connect_and_subscribe', ['*']), {
      ...context,
      markets: korean(LISTED.slice(0, 5)),
    }).desired;
    const next = reselect(some, korean(LISTED.toReversed()), rules({ sockets: 2 }));
    expect(next.desired.codes.slice(0, 5)).toEqual(LISTED.slice(0, 5));
    expect(next.desired.codes).toHaveLength(6);
    expect(next.omitted).toHaveLength(4);
  });
});
