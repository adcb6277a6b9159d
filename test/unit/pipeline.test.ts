import { describe, expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { settle } from './manual-clock.ts';
import { ids, rig, tradeFrame } from './pipeline-parts.ts';

describe('the way of the data', () => {
  test('rows of a code become one batch when the window is over, in order, ids to the last digit', async () => {
    const { pipeline, socket, clock, batches } = rig('trade');
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', '17883351803770005'), 1);
    sink.push(tradeFrame('KRW-ETH', '17883351803770006'), 2);
    sink.push(Buffer.from(tradeFrame('KRW-BTC', '17883351803770007')), 3);
    await clock.advance(90);
    expect(batches).toHaveLength(0);
    await clock.advance(30);
    expect(batches.map(({ market, rows }) => [market.code, rows.length])).toEqual([
      ['KRW-BTC', 2],
      ['KRW-ETH', 1],
    ]);
    expect(ids(batches)).toEqual(['17883351803770005', '17883351803770007', '17883351803770006']);
    expect(batches[0]?.rows[0]?.received_at).toBe(1);
  });

  test('a batch goes out at its maximum without waiting', async () => {
    const { pipeline, socket, batches } = rig('trade');
    const sink = pipeline.attach(socket());
    for (let i = 0; i < 501; i++) sink.push(tradeFrame('KRW-BTC', i + 1), 1);
    await settle();
    expect(batches.map(({ rows }) => rows.length)).toEqual([500]);
  });

  test('a trade that a later socket repeats is written once', async () => {
    const { pipeline, socket, clock, batches, stats } = rig('trade');
    const first = pipeline.attach(socket());
    for (let id = 1; id <= 40; id++) first.push(tradeFrame('KRW-BTC', id), id);
    first.end();
    await settle();
    const second = pipeline.attach(socket());
    for (let id = 21; id <= 60; id++) second.push(tradeFrame('KRW-BTC', id), id);
    await clock.advance(150);
    expect(ids(batches)).toEqual(Array.from({ length: 60 }, (_, i) => String(i + 1)));
    expect([stats.acked, stats.repeats]).toEqual([60, 20]);
  });

  const parsing: Exchange['session'] = (type, markets) => ({
    ...upbit.session(type, markets),
    scanned: undefined,
  });

  test.each([
    // Bytes become text before anything is parsed, but where they are scanned.
    { session: parsing, order: [2, 1, 3] },
    { session: upbit.session, order: [1, 2, 3] },
  ])('a bad frame is reported with its number and harms no neighbour: $order', async ({ session, order }) => {
    const { pipeline, socket, clock, batches, rejected, stats } = rig('trade', { session });
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', 1), 1);
    sink.push('{"type":"trade"', 2);
    sink.push(new Uint8Array([0x7b, 0xff, 0xfe]), 3);
    sink.push(tradeFrame('KRW-BTC', 2).replace('"trade_price":5', '"trade_price":null'), 4);
    sink.push(tradeFrame('KRW-BTC', 3), 5);
    await clock.advance(150);
    expect(ids(batches)).toEqual(['1', '3']);
    expect(rejected.map(({ number, row }) => [number, row])).toEqual(order.map((number) => [number, null]));
    expect([stats.frames, stats.parsed, stats.failed, stats.rejected]).toEqual([5, 2, 3, 3]);
  });

  test('what a session scans is no text before it is rejected; bytes that are none are told apart from it', async () => {
    const scanning: Exchange['session'] = (type, markets) => ({
      ...upbit.session(type, markets),
      scanned: {
        scan: (wire) => (wire.length === 7 ? { a: 1 } : null),
        read: (_frame, _at, emit) => emit({ kind: 'reject', reason: 'scanned', row: null }),
      },
    });
    const { pipeline, socket, clock, batches, rejected, stats } = rig('trade', { session: scanning });
    const sink = pipeline.attach(socket());
    sink.push(Buffer.from('{"a":1}'), 1);
    sink.push(new Uint8Array([0x7b, 0xff, 0xfe]), 2);
    sink.push(Buffer.from(tradeFrame('KRW-BTC', 2)), 3);
    await clock.advance(150);
    expect(rejected.map(({ reason, frame }) => [reason.slice(0, 17), frame])).toEqual([
      ['scanned', '{"a":1}'],
      ['cannot be decoded', new Uint8Array([0x7b, 0xff, 0xfe])],
    ]);
    expect(ids(batches)).toEqual(['2']);
    expect([stats.frames, stats.parsed, stats.failed, stats.rejected]).toEqual([3, 1, 2, 2]);
  });

  test('a throwing plug-in loses one frame, not the socket', async () => {
    const broken: Exchange['session'] = (type, markets) => {
      const session = upbit.session(type, markets);
      return {
        ...session,
        read(text, at, emit) {
          if (text.includes('KRW-BAD')) throw new Error('boom');
          session.read(text, at, emit);
        },
      };
    };
    const { pipeline, socket, clock, batches, rejected } = rig('trade', { session: broken });
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BAD', 1), 1);
    sink.push(tradeFrame('KRW-BTC', 2), 1);
    await clock.advance(150);
    expect(ids(batches)).toEqual(['2']);
    expect(rejected[0]?.reason).toContain('boom');
  });

  test('a hole in consecutive ids is told once its grace is over; a late trade fills it', async () => {
    const { pipeline, socket, clock, missing, batches } = rig('trade', { tradeIds: 'consecutive' });
    const sink = pipeline.attach(socket());
    for (const id of [1, 2, 6, 4, 7]) sink.push(tradeFrame('KRW-BTC', id), 1);
    await clock.advance(1500);
    expect(missing).toEqual([]);
    await clock.advance(1000);
    expect(missing).toEqual([
      ['KRW-BTC', 3, 3],
      ['KRW-BTC', 5, 5],
    ]);
    expect(ids(batches)).toEqual(['1', '2', '6', '4', '7']);
  });

  test('a trade that is held back during a takeover is not missing, however late it came', async () => {
    const { pipeline, socket, clock, missing, batches } = rig('trade', { tradeIds: 'consecutive' });
    const first = socket();
    const old = pipeline.attach(first);
    const young = pipeline.attach(socket(first.id));
    for (const id of [1, 6]) old.push(tradeFrame('KRW-BTC', id), 1);
    await clock.advance(2100);
    for (const id of [2, 3, 5]) young.push(tradeFrame('KRW-BTC', id), 1);
    await clock.advance(1900);
    expect(missing).toEqual([]);
    await clock.advance(3000);
    expect(ids(batches)).toEqual(['1', '6', '2', '3', '5']);
    expect(missing).toEqual([['KRW-BTC', 4, 4]]);
  });

  test('the budget stops reading while acknowledgements are away and lets it go on afterwards', async () => {
    const { pipeline, socket, clock, pressure, budget, hold } = rig('trade', {}, 40_000);
    const release = hold();
    const sink = pipeline.attach(socket());
    for (let i = 0; i < 100; i++) sink.push(tradeFrame('KRW-BTC', i + 1), 1);
    await clock.advance(150);
    expect(pressure).toEqual([true]);
    release();
    await clock.advance(50);
    expect(pressure).toEqual([true, false]);
    expect(budget.used).toBe(0);
  });

  test('a code of which nothing is acknowledged gathers its rows, and goes on as soon as something is', async () => {
    const { pipeline, socket, clock, batches, budget, hold } = rig('trade');
    const release = hold();
    const sink = pipeline.attach(socket());
    for (let id = 1; id <= 100; id++) {
      sink.push(tradeFrame('KRW-BTC', id), id);
      await clock.advance(100);
    }
    expect(batches.length).toBeLessThan(20);
    sink.push(tradeFrame('KRW-ETH', 1), 1);
    await clock.advance(150);
    expect(batches.at(-1)?.market.code).toBe('KRW-ETH');
    expect(pipeline.waitedMs()).toBeGreaterThan(10_000);
    release();
    await clock.advance(100);
    expect(ids(batches.filter(({ market }) => market.code === 'KRW-BTC'))).toEqual(
      Array.from({ length: 100 }, (_, n) => String(n + 1)),
    );
    expect([budget.used, pipeline.waitedMs()]).toEqual([0, 0]);
  });

  test('draining delivers what waits and holes still in their grace', async () => {
    const { pipeline, socket, batches, missing, budget } = rig('trade', { tradeIds: 'consecutive' });
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', 1), 1);
    sink.push(tradeFrame('KRW-BTC', 3), 1);
    sink.end();
    await pipeline.finish();
    await pipeline.settled();
    expect(ids(batches)).toEqual(['1', '3']);
    expect(missing).toEqual([['KRW-BTC', 2, 2]]);
    expect(budget.used).toBe(0);
  });
});
