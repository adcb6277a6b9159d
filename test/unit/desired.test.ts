import { describe, expect, test } from 'bun:test';
import { apply } from '../../src/core/desired/apply.ts';
import { originOf, type StreamRules } from '../../src/core/desired/rules.ts';
import { isRunning } from '../../src/core/desired/stream.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { after, command, context, korean, LISTED, NOW, nothing, rules } from './desired-parts.ts';

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
