import { describe, expect, test } from 'bun:test';
import type { Fault } from '../../src/common/errors.ts';
import { createLog } from '../../src/common/log.ts';
import type { Message } from '../../src/core/ports.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import { Dropped } from '../../src/infra/kafka/produce/dropped.ts';
import { encodings } from '../../src/infra/kafka/produce/encodings.ts';
import { kafkaPublisher } from '../../src/infra/kafka/produce/publisher.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { ManualClock, settle } from './manual-clock.ts';

const MIB = 1024 * 1024;

/** A publisher before a broker that is away until the test lets it in. */
function rig() {
  const clock = new ManualClock();
  const handed: { topic: string; text: string; id: number }[] = [];
  const told: Fault[] = [];
  const lines: string[] = [];
  const breaker: Breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
  const queue: SendQueue = new SendQueue(
    ({ topic, value }, id) => {
      handed.push({ topic, text: value.toString(), id });
      return 0;
    },
    breaker,
    clock,
    () => {},
  );
  const log = createLog('warn', false, { write: (line: string) => void lines.push(line) });
  const dropped = new Dropped(clock, log, (fault) => told.push(fault));
  const publisher = kafkaPublisher({ queue, encodings: encodings(null), dropped, errorText: String });
  const fates = new Map<string, string>();
  const publish = (family: Message['family'], name: string, value: object = {}, bytes = 0) => {
    const message = { family, region: null, key: null, correlationId: null };
    publisher.publish({ ...message, value: { ...value, name, pad: 'x'.repeat(bytes) } }).then(
      () => fates.set(name, 'acknowledged'),
      (error: Fault) => fates.set(name, error.code),
    );
  };
  const away = () => {
    for (let i = 0; i < BREAKER_DEFAULTS.failureThreshold; i++) breaker.failure('away');
  };
  const back = async () => {
    breaker.success();
    breaker.success();
    for (let i = 0; i < 200 && (handed.length > 0 || queue.waitingMessages > 0); i++) {
      await settle();
      for (const { id } of handed.splice(0)) queue.report(id, 0);
    }
    await settle();
  };
  return { clock, queue, handed, told, lines, dropped, fates, publish, away, back };
}

const GAP = { kind: 'gap' };
const REPLY = { kind: 'reply' };
const STATE = { kind: 'state' };

describe('messages about the data while Kafka takes none', () => {
  test('are bounded in bytes, the oldest of the least worth gives way, and each is told how it ended', async () => {
    const { queue, publish, away, back, fates, dropped, lines } = rig();
    away();
    publish('ws.event', 'gap 0', GAP);
    publish('ws.event', 'reply 0', REPLY);
    for (let i = 0; i < 700; i++) {
      publish('ws.dlq', `letter ${i}`, {}, 87_000);
      publish('ws.metrics.quality', `figure ${i}`, {}, 4_000);
      publish('ws.event', `state ${i}`, STATE, 100);
    }
    expect(queue.waitingBytes).toBeLessThan(8 * MIB);
    expect(queue.waitingBytes).toBeGreaterThan(6 * MIB);
    await settle();
    expect(fates.get('letter 0')).toBe('message_dropped');
    expect(fates.has('letter 699')).toBe(false);
    expect(lines).toHaveLength(1);
    await back();
    expect(fates.get('gap 0')).toBe('acknowledged');
    expect(fates.get('reply 0')).toBe('acknowledged');
    expect(fates.get('letter 699')).toBe('acknowledged');
    const gone = [...fates.values()].filter((fate) => fate === 'message_dropped').length;
    expect([...dropped.counts.values()].reduce((sum, count) => sum + count, 0)).toBe(gone);
    expect(fates.size).toBe(2 + 3 * 700);
  });

  test('small ones are bounded too', () => {
    const { queue, publish, away } = rig();
    away();
    for (let i = 0; i < 100_000; i++) publish('ws.error', `${i}`);
    expect(queue.waitingMessages).toBeLessThan(20_000);
  });

  test('gaps and replies have room that nothing else takes, and take the room of the others before their own', async () => {
    const { queue, publish, away, back, fates, dropped } = rig();
    away();
    for (let i = 0; i < 500; i++) publish('ws.dlq', `letter ${i}`, {}, 80_000);
    for (let i = 0; i < 3_500; i++) publish('ws.event', `gap ${i}`, GAP, 4_000);
    expect(dropped.counts.get('ws.event')).toBeUndefined();
    expect(dropped.counts.get('ws.dlq')).toBeGreaterThan(450);
    for (let i = 3_500; i < 10_000; i++) publish('ws.event', `gap ${i}`, GAP, 4_000);
    expect(queue.waitingBytes).toBeLessThan(16 * MIB);
    expect(dropped.counts.get('ws.dlq')).toBe(500);
    await settle();
    // Bounded all the same; the oldest goes, is counted, and said.
    expect(fates.get('gap 0')).toBe('message_dropped');
    await back();
    expect(fates.get('gap 9999')).toBe('acknowledged');
  });

  test('what the producer has cannot give way: then the new one does', async () => {
    const { publish, fates, handed, queue } = rig();
    for (let i = 0; i < 200; i++) publish('ws.dlq', `letter ${i}`, {}, 87_000);
    await settle();
    expect(queue.waitingMessages).toBe(0);
    expect(handed.length).toBeLessThan(100);
    expect(fates.get('letter 199')).toBe('message_dropped');
    expect(fates.has('letter 0')).toBe(false);
  });

  test('what gave way is told once when messages go again, with the counts of each topic', async () => {
    const { publish, away, back, told } = rig();
    away();
    for (let i = 0; i < 200; i++) publish('ws.dlq', `letter ${i}`, {}, 87_000);
    expect(told).toEqual([]);
    await back();
    expect(told.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(/^message_dropped .*ws\.dlq 1\d\d/),
    ]);
  });
});
