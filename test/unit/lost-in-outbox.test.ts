import { expect, test } from 'bun:test';
import { LostInOutbox } from '../../src/application/reporting/lost-in-outbox.ts';
import { Reporter } from '../../src/application/reporting/reporter.ts';
import type { Orchestrator } from '../../src/application/streams/orchestrator.ts';
import { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import type { Gap, StreamEvent } from '../../src/core/events.ts';
import { ManualClock } from './manual-clock.ts';

const START = 1_790_000_000_000_000;
const FAULT = new Fault('outbox_damaged', '/var/lib/outbox', 'A record cannot be read any more.', 'Look.');
const TRADES = { exchange: 'upbit', region: 'korea', request_type: 'trade' } as const;
const BOOKS = { exchange: 'okx', region: 'asia', request_type: 'orderbook' } as const;
const HOUR = 3_600_000_000;

type Stream = ReturnType<Orchestrator['streams']>[number];
type Running = Pick<Stream, 'target' | 'carried'>;

function rig(streams: Running[] = []) {
  const clock = new ManualClock(START);
  const errors: string[] = [];
  const events: StreamEvent[] = [];
  const publish = async ({ family, value }: { family: string; value: unknown }) => {
    if (family === 'ws.error') errors.push(JSON.stringify(value));
  };
  const reporter = new Reporter({ publish }, clock, createLog('silent', false), 'one');
  reporter.listen((event) => events.push(event));
  const lost = new LostInOutbox(
    clock,
    () => ({ streams: () => streams as Stream[] }),
    () => reporter,
  );
  const gaps = () =>
    events.flatMap(({ gap, target }): [string, Gap][] =>
      gap ? [[`${target?.exchange} ${target?.request_type}`, gap]] : [],
    );
  return { clock, lost, errors, events, gaps, streams };
}

const running = (target: typeof TRADES | typeof BOOKS, codes: string[]): Running => ({
  target,
  carried: () => codes,
});

test('rows that are gone are a gap of each stream that runs, over the time in which they came, and an error', () => {
  const { lost, errors, gaps, events } = rig([
    running(TRADES, ['KRW-BTC', 'KRW-ETH']),
    running(BOOKS, ['USDT-BTC']),
  ]);
  lost.damaged({ fault: FAULT, messages: 3, rows: 12, from: START - HOUR, to: START - HOUR / 2 });
  // Rows wait up to a second for their batch before they are appended.
  const over = { from: START - HOUR - 1_000_000, to: START - HOUR / 2, cause: 'undelivered' };
  expect(gaps()).toMatchObject([
    ['upbit trade', { ...over, codes: ['KRW-BTC', 'KRW-ETH'] }],
    ['okx orderbook', { ...over, codes: ['USDT-BTC'] }],
  ]);
  expect(events.map(({ reason, detail }) => [reason, detail])).toEqual([
    [FAULT.message, { rows: 12 }],
    [FAULT.message, { rows: 12 }],
  ]);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain('outbox_damaged');
});

test('damage in which there were no rows is an error and no gap', () => {
  const { lost, errors, gaps } = rig([running(TRADES, ['KRW-BTC'])]);
  lost.damaged({ fault: FAULT, messages: 2, rows: 0, from: START - HOUR, to: START });
  expect([gaps(), errors.length]).toEqual([[], 1]);
});

test('where nobody can know what was lost, or when, it is a day up to now', () => {
  const { lost, gaps } = rig([running(TRADES, ['KRW-BTC'])]);
  lost.damaged({ fault: FAULT, messages: null, rows: null, from: null, to: null });
  expect(gaps()).toMatchObject([['upbit trade', { from: START - 24 * HOUR - 1_000_000, to: START }]]);
});

test('only the end is known: a day up to that', () => {
  const { lost, gaps } = rig([running(TRADES, ['KRW-BTC'])]);
  lost.damaged({ fault: FAULT, messages: 1, rows: 4, from: null, to: START - HOUR });
  expect(gaps()).toMatchObject([['upbit trade', { from: START - 25 * HOUR - 1_000_000, to: START - HOUR }]]);
});

test('what is found before streams run is told when they do: each damage once, to each stream', async () => {
  const { clock, lost, gaps, streams } = rig();
  lost.damaged({ fault: FAULT, messages: 1, rows: 4, from: START - HOUR, to: START - HOUR });
  lost.damaged({ fault: FAULT, messages: 1, rows: 5, from: START, to: START });
  await clock.advance(60_000);
  expect(gaps()).toEqual([]);
  streams.push(running(TRADES, ['KRW-BTC']), running(BOOKS, ['USDT-BTC']));
  await clock.advance(2_000);
  expect(gaps().map(([of, { to }]) => [of, to])).toEqual([
    ['upbit trade', START - HOUR],
    ['okx orderbook', START - HOUR],
    ['upbit trade', START],
    ['okx orderbook', START],
  ]);
  // And again, later.
  lost.damaged({ fault: FAULT, messages: 1, rows: 1, from: START + 1, to: START + 1 });
  expect(gaps()).toHaveLength(6);
});
