import { describe, expect, test } from 'bun:test';
import { countSettled } from '../../src/core/pipeline/write.ts';
import type { NotedRows, RowJournal } from '../../src/core/ports.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { ids, rig, tradeFrame } from './pipeline-parts.ts';

class Journal implements RowJournal {
  readonly notes = new Map<number, NotedRows>();
  #last = 0;
  note(rows: NotedRows): number {
    this.notes.set(++this.#last, { ...rows, rows: [...rows.rows] });
    return this.#last;
  }
  forget(mark: number): void {
    this.notes.delete(mark);
  }
  get ids(): string[] {
    return [...this.notes.values()].flatMap(({ rows }) =>
      rows.map((row) => (row.kind === 'trade' ? row.trade_id : '')),
    );
  }
}

const make = (outbox: { journal?: RowJournal; shelves?: () => boolean }) =>
  rig('trade', {}, 1e6, undefined, new ManualClock(), outbox);

describe('rows that wait for their batch', () => {
  test('are written down in the turn in which they come, until the writer has all of them', async () => {
    const journal = new Journal();
    const { clock, pipeline, socket, batches } = make({ journal });
    const sink = pipeline.attach(socket());
    sink.push(tradeFrame('KRW-BTC', 1), clock.micros());
    sink.push(tradeFrame('KRW-ETH', 2), clock.micros());
    await settle();
    expect([batches.length, journal.ids]).toEqual([0, ['1', '2']]);
    const [note] = journal.notes.values();
    expect(note).toMatchObject({ exchange: 'upbit', region: 'korea', requestType: 'trade' });
    expect(note?.names.map((name) => JSON.parse(name))).toEqual([
      ['KRW-BTC', 'BTC', 'KRW', null, null],
      ['KRW-ETH', 'ETH', 'KRW', null, null],
    ]);
    await clock.advance(200);
    expect([ids(batches).toSorted(), journal.notes.size]).toEqual([['1', '2'], 0]);
  });

  test('stay written down while one code of the note still waits', async () => {
    const journal = new Journal();
    const { clock, pipeline, socket, batches, hold } = make({ journal });
    const sink = pipeline.attach(socket());
    const release = hold();
    // Two messages of the code are under way, so that a third waits.
    for (const id of [1, 2]) {
      sink.push(tradeFrame('KRW-BTC', id), clock.micros());
      await settle();
      await clock.advance(150);
    }
    expect(batches.length).toBe(2);
    sink.push(tradeFrame('KRW-BTC', 3), clock.micros());
    sink.push(tradeFrame('KRW-ETH', 4), clock.micros());
    await settle();
    await clock.advance(150);
    expect([ids(batches), journal.ids]).toEqual([
      ['1', '2', '4'],
      ['3', '4'],
    ]);
    // But not for as long as no broker takes them: the disk does.
    await clock.advance(500);
    expect([ids(batches), journal.notes.size]).toEqual([['1', '2', '4', '3'], 0]);
    release();
  });
});

test('what lies on disk alone holds no budget, is waited for, and counts when it is acknowledged', async () => {
  let shelves = true;
  const { clock, pipeline, socket, batches, budget, stats } = make({ shelves: () => shelves });
  const sink = pipeline.attach(socket());
  const at = clock.micros();
  sink.push(tradeFrame('KRW-BTC', 1), at);
  await settle();
  await clock.advance(200);
  shelves = false;
  sink.push(tradeFrame('KRW-BTC', 2), clock.micros());
  await settle();
  await clock.advance(5_000);
  expect([batches.length, budget.used, stats.acked]).toEqual([2, 0, 1]);
  expect(pipeline.oldest()).toBe(at);
  expect(pipeline.waitedMs()).toBeGreaterThan(5_000);
  expect(stats.open.every(({ settled }) => settled)).toBe(false);
  const [first] = batches;
  const lane = pipeline.lanes.named('KRW-BTC') ?? null;
  const rows = first?.rows ?? [];
  countSettled(stats, lane, {
    ...{ exchange: 'upbit', requestType: 'trade', symbol: 'KRW-BTC', rows, first: true },
    ack: { at: clock.micros(), bytes: 100 },
  });
  expect([stats.acked, lane?.pending, pipeline.oldest(), pipeline.waitedMs()]).toEqual([2, 0, null, 0]);
  expect(stats.open.every(({ settled }) => settled)).toBe(true);
});
