import { afterEach, describe, expect, test } from 'bun:test';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { snapshot } from '../../src/infra/http/events.ts';
import { readiness, warnings } from '../../src/infra/http/health.ts';
import { get, serve, stopServers } from './http-rig.ts';
import { UPBIT_TRADES } from './metrics-rig.ts';
import { MESSAGING, observed, stream } from './observed.ts';

afterEach(stopServers);

describe('readiness', () => {
  const UPBIT_TICKERS = { ...UPBIT_TRADES, request_type: 'ticker' } as const;
  const figures = new StreamFigures();
  const withStreams = (...streams: ReturnType<typeof stream>[]) =>
    readiness(observed({ orchestrator: { ...observed().orchestrator, streams: () => streams } }));

  test('is there with everything in order, and with no stream at all', () => {
    expect(readiness(observed())).toEqual({ ready: true, reasons: [] });
    expect(withStreams().ready).toBe(true);
  });

  test('is over while Kafka or the state store is away', () => {
    const state = (change: object) => () => ({ ...MESSAGING, ...change });
    const refused = { troubles: ['trade-data.korea is refused: Broker: Topic authorization failed (29)'] };
    const [kafka] = readiness(observed({ messaging: { bootstrap: null, state: state(refused) } })).reasons;
    expect(kafka).toEqual({ what: 'kafka', why: refused.troubles[0] as string });
    const redis = readiness(observed({ store: { available: false, reason: 'OOM command not allowed' } }));
    expect(redis.reasons).toEqual([
      { what: 'redis', why: 'the state store cannot be used: OOM command not allowed' },
    ]);
  });

  test('is not there before what shall run was read: a store that has just come back says nothing about it', () => {
    const orchestrator = { ...observed().orchestrator, informed: false };
    const of = (available: boolean) =>
      readiness(observed({ orchestrator, store: { available, reason: available ? null : 'no answer' } }));
    expect(of(true)).toEqual({
      ready: false,
      reasons: [{ what: 'redis', why: 'what shall run has not been read yet' }],
    });
    expect(of(false).reasons).toEqual([{ what: 'redis', why: 'the state store cannot be used: no answer' }]);
  });

  test('rows that wait for half as long are a warning, and no more', () => {
    const { orchestrator } = observed();
    const after = (waitedMs: number) =>
      warnings({
        orchestrator: { ...orchestrator, unacknowledged: () => [{ target: UPBIT_TRADES, waitedMs }] },
      }).filter(({ what }) => what === 'rows');
    expect(after(8000)).toEqual([]);
    expect(after(8001)).toEqual([{ what: 'rows', why: 'rows wait: oldest 8 s, stream upbit trade' }]);
    expect(after(15_001)).toEqual([]);
  });

  test('is over when a row or a message has been waiting for more than 15 s, and names the stream', () => {
    const { orchestrator } = observed();
    const of = (rows: number[], messagesMs = 0) => {
      const types = [UPBIT_TRADES, UPBIT_TICKERS, { ...UPBIT_TRADES, exchange: 'bithumb' }];
      const unacknowledged = () =>
        rows.map((waitedMs, n) => ({ target: types[n] ?? UPBIT_TRADES, waitedMs }));
      return readiness(
        observed({
          orchestrator: { ...orchestrator, unacknowledged },
          publisher: { waitedMs: () => messagesMs },
        }),
      ).reasons;
    };
    expect(of([0, 14_900, 100], 14_900)).toEqual([]);
    expect(of([100, 17_200])).toEqual([{ what: 'rows', why: 'rows wait: oldest 17 s, stream upbit ticker' }]);
    expect(of([20_000, 17_200, 31_000])).toEqual([
      { what: 'rows', why: 'rows wait: oldest 31 s, stream bithumb trade, 3 streams in all' },
    ]);
    expect(of([0], 16_000)).toEqual([{ what: 'messages', why: 'messages about the data wait: oldest 16 s' }]);
  });

  test('is over when nothing of an exchange is live, and says why', async () => {
    const dark = withStreams(
      stream(figures, ['backoff', 'stale']),
      stream(figures, ['connecting'], UPBIT_TICKERS),
      stream(figures, ['live'], { ...UPBIT_TRADES, exchange: 'bithumb' }),
    );
    expect(dark.reasons).toEqual([
      {
        what: 'upbit',
        why: 'no stream is live: trade backoff (is backoff); ticker connecting (is connecting)',
      },
    ]);
    const { orchestrator } = observed();
    const seen = observed({
      orchestrator: { ...orchestrator, streams: () => [stream(figures, ['blocked'])] },
    });
    const answer = await get(await serve(seen), '/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ ready: false, reasons: [{ what: 'upbit' }] });
  });

  test('stays while one connection of the exchange is live', () => {
    expect(
      withStreams(stream(figures, ['live', 'backoff']), stream(figures, ['stale'], UPBIT_TICKERS)).ready,
    ).toBe(true);
  });
});

describe('warnings', () => {
  const figures = new StreamFigures();
  const of = (...streams: ReturnType<typeof stream>[]) =>
    warnings(observed({ orchestrator: { ...observed().orchestrator, streams: () => streams } }));
  const withCodes = (codes: object[], ...states: Parameters<typeof stream>[1]) => {
    const one = stream(figures, states);
    const [first] = one.snapshots();
    const all = codes.map((change) => ({ ...first?.codes[0], ...change }));
    return { ...one, snapshots: () => [{ ...first, codes: all }] } as unknown as ReturnType<typeof stream>;
  };

  test('there are none while every stream and code is as it should be', () => {
    expect(of()).toEqual([]);
    expect(of(stream(figures, ['live']))).toEqual([]);
  });

  test('name streams that are not live, and why', () => {
    expect(of(stream(figures, ['backoff']))).toEqual([{ what: 'upbit trade', why: 'backoff (is backoff)' }]);
    const paused = { ...stream(figures, ['live']), paused: true } as ReturnType<typeof stream>;
    expect(of(paused)).toEqual([{ what: 'upbit trade', why: 'paused, the byte budget is full' }]);
  });

  test('name codes that are silent or refused, of many the first few', () => {
    const codes = [{ stale: true }, { code: 'KRW-ETH', refused: 'unknown market' }, { unconfirmed: 'never' }];
    expect(of(withCodes(codes, 'live'))).toEqual([
      { what: 'upbit trade', why: 'no data: KRW-BTC (1 of 3)' },
      { what: 'upbit trade', why: 'refused by the exchange: KRW-ETH (1 of 3)' },
      { what: 'upbit trade', why: 'never answered for: KRW-BTC (1 of 3)' },
    ]);
    const many = Array.from({ length: 50 }, (_, n) => ({ code: `KRW-C${n}`, stale: true }));
    expect(of(withCodes(many, 'live'))[0]?.why).toBe(
      'no data: KRW-C0, KRW-C1, KRW-C2, KRW-C3, KRW-C4, … (50 of 50)',
    );
  });

  test('name codes that a live stream does not receive, and streams that nobody runs', () => {
    expect(of(withCodes([{ missing: true }, { missing: true, stale: true }], 'live'))).toEqual([
      { what: 'upbit trade', why: 'no data: KRW-BTC (1 of 2)' },
      { what: 'upbit trade', why: 'not received: KRW-BTC (1 of 2)' },
    ]);
    const idle = () => [{ exchange: 'okx', request_type: 'ticker', symbols: ['BTC-USDT', 'ETH-USDT'] }];
    const seen = observed({ orchestrator: { ...observed().orchestrator, streams: () => [], idle } });
    expect(warnings(seen)).toEqual([
      { what: 'okx ticker', why: 'wanted, and no collector runs it: BTC-USDT, ETH-USDT (2 of 2)' },
    ]);
    expect(readiness(seen).ready).toBe(true);
    expect(snapshot(seen, false)).toMatchObject({ ready: true, warnings: [{ what: 'okx ticker' }] });
  });

  test('stand in the answer of /readyz, which is 200 all the same', async () => {
    const streams = () => [withCodes([{ stale: true }, {}], 'live')];
    const seen = observed({ orchestrator: { ...observed().orchestrator, streams } });
    const answer = await get(await serve(seen), '/readyz');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      ready: true,
      reasons: [],
      warnings: [{ what: 'upbit trade', why: 'no data: KRW-BTC (1 of 2)' }],
    });
  });
});
