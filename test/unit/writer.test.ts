import { describe, expect, test } from 'bun:test';
import { createLog } from '../../src/common/log.ts';
import { market } from '../../src/core/market/market.ts';
import type { Row } from '../../src/core/market/rows.ts';
import { LaneRows } from '../../src/core/pipeline/lane-rows.ts';
import type { Ack, Batch } from '../../src/core/ports.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import { encodings } from '../../src/infra/kafka/produce/encodings.ts';
import { Losses } from '../../src/infra/kafka/produce/losses.ts';
import { Rejects } from '../../src/infra/kafka/produce/rejects.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { kafkaWriter } from '../../src/infra/kafka/produce/writer.ts';
import { TOPIC_FAMILIES } from '../../src/infra/kafka/topics/topics.ts';
import { ManualClock, settle } from './manual-clock.ts';

const TOO_LARGE = 10;
const BTC = market('KRW-BTC', 'BTC', 'KRW');
const NOON = 1_790_000_000_000_000;

function rows(count: number, first = 0): Row[] {
  return Array.from({ length: count }, (_, i) => ({
    kind: 'trade',
    market: BTC,
    timestamp: NOON + (first + i) * 1_000_000,
    received_at: NOON + (first + i) * 1_000_000 + 5_400,
    stream_type: 'REALTIME',
    trade_id: `${first + i}`,
    fills: 1,
    price: 1,
    volume: 1,
    amount: 1,
    side: 'BUY',
  }));
}

function batchOf(all: readonly Row[]): Batch {
  return {
    exchange: 'upbit',
    region: 'korea',
    requestType: 'trade',
    market: BTC,
    rows: all,
    correlationId: null,
    fence: null,
  };
}

type Form = 'as objects, in JSON' | 'packed, in Avro';

/** A writer over a producer whose reports the test gives. @param fits rows that the broker takes in one message */
function rig(form: Form, fits = 500) {
  const packs = form === 'packed, in Avro';
  const all = encodings(packs ? new Map(TOPIC_FAMILIES.map((of) => [of, { id: 1, version: 1 }])) : null);
  const clock = new ManualClock();
  const handed: { ids: string[]; id: number }[] = [];
  const losses: unknown[] = [];
  const letters: unknown[] = [];
  const queue: SendQueue = new SendQueue(
    ({ value }, id) => {
      const said = all.get('trade-data')?.codec.decode(value);
      const { data } = said as { data: { trade_id: string }[] };
      if (data.length > fits) return TOO_LARGE;
      handed.push({ ids: data.map(({ trade_id }) => trade_id), id });
      return 0;
    },
    new Breaker(BREAKER_DEFAULTS, clock, () => {}),
    clock,
    () => {},
  );
  const log = createLog('silent', false);
  const publisher = { publish: async (message: unknown) => void letters.push(message) };
  const writer = kafkaWriter({
    queue,
    encodings: all,
    rejects: new Rejects(publisher, clock, log),
    losses: new Losses(clock, log, (loss) => losses.push(loss)),
    clock,
    errorText: (code) => `code ${code}`,
  });
  /** What has become of a batch so far. */
  const write = (some: readonly Row[]) => {
    const fate: { ack?: Ack; error?: { code: string } } = {};
    const lane = new LaneRows(writer.pack?.('trade', BTC) ?? null);
    for (const row of some) lane.add(row);
    expect(lane.packed !== null).toBe(packs);
    const batch = { ...batchOf([]), packed: lane.packed };
    // As the pipeline gives it: read only where somebody asks.
    Object.defineProperty(batch, 'rows', { get: () => lane.rows });
    writer.write(batch).then(
      (ack) => {
        fate.ack = ack;
      },
      (error) => {
        fate.error = error;
      },
    );
    return fate;
  };
  return { clock, handed, queue, losses, letters, write };
}

describe.each(['as objects, in JSON', 'packed, in Avro'] as const)('a batch of rows %s', (form) => {
  test('is acknowledged when the broker has, and not before', async () => {
    const { clock, handed, queue, write } = rig(form);
    const fate = write(rows(3));
    await clock.advance(60_000);
    expect(handed).toHaveLength(1);
    expect(fate).toEqual({});
    queue.report(handed[0]?.id ?? -1, 0);
    await settle();
    expect(fate.ack?.bytes).toBeGreaterThan(100);
  });

  test('of halves is acknowledged with the last of them', async () => {
    const { handed, queue, write } = rig(form, 2);
    const fate = write(rows(8));
    const seen: string[][] = [];
    while (seen.length < 4) {
      await settle();
      expect(fate).toEqual({});
      for (const { id, ids } of handed.splice(0)) {
        seen.push(ids);
        queue.report(id, 0);
      }
    }
    await settle();
    expect(seen.flat()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(fate.ack?.bytes).toBeGreaterThan(100);
  });

  test('of which a row is too large alone fails when the others are through, and tells of that row alone', async () => {
    const { clock, handed, queue, losses, letters, write } = rig(form);
    const fate = write(rows(4));
    for (let i = 0; i < 20 && handed.length > 0; i++) {
      for (const { id, ids } of handed.splice(0)) {
        expect(fate).toEqual({});
        queue.report(id, ids.includes('2') ? TOO_LARGE : 0);
      }
      await settle();
    }
    expect(fate.error?.code).toBe('message_rejected');
    await clock.advance(1_000);
    expect(letters).toHaveLength(1);
    expect(losses).toMatchObject([
      {
        target: { exchange: 'upbit', region: 'korea', request_type: 'trade' },
        codes: ['KRW-BTC'],
        from: NOON + 2_000_000,
        to: NOON + 2_006_000,
        rows: 1,
        fault: { code: 'message_rejected' },
      },
    ]);
  });

  test('that is given up at the stop fails, and is a loss over all of its rows', async () => {
    const { clock, queue, losses, write } = rig(form);
    const fate = write(rows(3));
    for (const message of queue.abandonRows()) message.undelivered();
    await settle();
    expect(fate.error?.code).toBe('undelivered');
    await clock.advance(1_000);
    expect(losses).toMatchObject([{ from: NOON, to: NOON + 2_006_000, rows: 3 }]);
  });
});
