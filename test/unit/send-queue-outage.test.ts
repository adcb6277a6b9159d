import { describe, expect, test } from 'bun:test';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { desk, Letter, open } from './send-queue-parts.ts';

describe('the breaker', () => {
  test('half open lets its probes through and no more; their success frees the rest', async () => {
    const { queue, breaker, handed, texts, clock } = desk();
    open(breaker);
    for (const text of ['a', 'b', 'c', 'd', 'e']) queue.send(new Letter(text));
    await settle();
    expect(texts()).toBe('');
    await clock.advance(BREAKER_DEFAULTS.openMs);
    expect(texts()).toBe('a b c');
    queue.report(handed[0]?.id ?? -1, 0);
    queue.report(handed[1]?.id ?? -1, 0);
    await settle();
    expect(breaker.state).toBe('closed');
    expect(texts()).toBe('a b c d e');
  });

  test('an acknowledgement of something sent before half-opens it at once', async () => {
    const { queue, breaker, handed, texts } = desk();
    queue.send(new Letter('a'));
    open(breaker);
    queue.send(new Letter('b'));
    queue.report(handed[0]?.id ?? -1, 0);
    await settle();
    expect(breaker.state).toBe('half_open');
    expect(texts()).toBe('a b');
  });

  test('a drain sends in spite of it; what is left is given up in order', async () => {
    const { queue, breaker, texts, report } = desk();
    open(breaker);
    const letters = ['a', 'b'].map((text) => new Letter(text));
    for (const letter of letters) queue.send(letter);
    let drained = false;
    const end = queue.drained().then(() => {
      drained = true;
    });
    await settle();
    expect(texts()).toBe('a b');
    expect(drained).toBe(false);
    report(0);
    await end;
    open(breaker);
    queue.send(new Letter('c'));
    queue.send(new Letter('d'));
    expect(queue.abandon().map((left) => left.value.toString())).toEqual(['c', 'd']);
    expect(queue.waitingMessages + queue.underWayMessages).toBe(0);
  });
});

describe('a clock that the broker refuses', () => {
  const INVALID_TIMESTAMP = 32;
  const HOUR_MS = 3_600_000;

  /** A broker whose clock is `ahead` of ours, and that takes what is within `rangeMs` of it. */
  function wrongClock(aheadMs: number, rangeMs: { before: number; after: number }) {
    const clock = new ManualClock();
    const taken: { text: string; timestampMs: number | null }[] = [];
    const broker = { aheadMs, rangeMs, attempts: 0 };
    const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => queue.pump());
    const queue: SendQueue = new SendQueue(
      (message, id) => {
        const ourMs = clock.micros() / 1000;
        const { timestampMs = null } = message;
        const offMs = (timestampMs ?? ourMs) - (ourMs + broker.aheadMs);
        const good = offMs <= broker.rangeMs.after && offMs >= -broker.rangeMs.before;
        broker.attempts++;
        clock.after(5, () => {
          if (good) taken.push({ text: message.value.toString(), timestampMs });
          queue.report(id, good ? 0 : INVALID_TIMESTAMP);
        });
        return 0;
      },
      breaker,
      clock,
      () => {},
    );
    return { clock, queue, broker, taken };
  }

  class Notice extends Letter {
    override readonly rows = 0;
  }

  test.each([
    ['2 h ahead, an hour allowed', -2 * HOUR_MS, { before: Number.POSITIVE_INFINITY, after: HOUR_MS }],
    ['a week ahead', -168 * HOUR_MS, { before: Number.POSITIVE_INFINITY, after: HOUR_MS }],
    ['3 h behind, an hour allowed', 3 * HOUR_MS, { before: HOUR_MS, after: HOUR_MS }],
    ['a hair behind, nothing allowed', 5, { before: 0, after: HOUR_MS }],
  ])(
    '%s: notices go within 30 s, in order and once; rows wait for a right clock',
    async (_, aheadMs, range) => {
      const { clock, queue, broker, taken } = wrongClock(aheadMs, range);
      const rows = new Letter('row', 'data');
      queue.send(rows);
      const notices = ['a', 'b', 'c', 'd'].map((text) => new Notice(text, 'ws.dlq', 'k'));
      for (const notice of notices) queue.send(notice);
      await clock.advance(30_000);
      expect(taken.map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd']);
      expect(notices.map(({ fate }) => fate)).toEqual(Array(4).fill('delivered'));
      expect(rows.fate).toBe('');
      // Found once, it is known.
      const before = broker.attempts;
      queue.send(new Notice('e', 'ws.dlq', 'k'));
      await clock.advance(300_000);
      queue.send(new Notice('f', 'ws.dlq', 'k'));
      await clock.advance(5_000);
      expect(taken.slice(4).map(({ text }) => text)).toEqual(['e', 'f']);
      expect(broker.attempts - before).toBeLessThan(320);
      // The clock is set right: rows go, and notices bear our time again.
      broker.aheadMs = 0;
      broker.rangeMs = { before: HOUR_MS, after: HOUR_MS };
      await clock.advance(65_000);
      queue.send(new Notice('g', 'ws.dlq', 'k'));
      await clock.advance(100);
      expect(rows.fate).toBe('delivered');
      expect(taken.at(-1)).toEqual({ text: 'g', timestampMs: null });
    },
  );
});
