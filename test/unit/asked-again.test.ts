import { describe, expect, test } from 'bun:test';
import { Subscriptions } from '../../src/core/connection/subscriptions.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import {
  answer,
  coin,
  fakeExchange,
  LIMITS,
  rig,
  running,
  type Serve,
  seeded,
  socketOf,
} from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

/** An exchange that serves a code from its time on, and refuses, or ignores, whatever else is in its request. */
function opening(clock: ManualClock, opensMs: Record<string, number>, mute = false): Serve {
  return (socket) => {
    clock.after(10, () => socket.accept());
    socket.onSend = (text) => {
      if (text === '<ping>') return answer(clock, socket, text);
      const { sub, list } = JSON.parse(text) as { sub?: string[]; list?: string[] };
      for (const symbol of sub ?? list ?? []) {
        const open = clock.now() >= (opensMs[symbol] ?? 0);
        if (open) clock.after(10, () => socket.frame({ ack: [symbol] }));
        else if (!mute)
          clock.after(10, () => socket.frame({ refused: [symbol], reason: `${symbol} not open` }));
      }
    };
  };
}

function asksFor(sent: readonly string[], symbol: string): number {
  return sent.filter((text) => text.includes(`"${symbol}"`) && !text.includes('unsub')).length;
}

describe('a refused code', () => {
  test('is asked for again, alone and later and later, until it is served; each word of it is told once', async () => {
    const clock = new ManualClock(undefined, seeded(1));
    const made = await running(['A', 'B', 'LATE'], { clock, serve: opening(clock, { LATE: 200_000 }) });
    const socket = socketOf(made, 1);
    const go = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second++) {
        socket.row('A');
        await clock.advance(1000);
      }
    };
    await go(180);
    expect(made.refused).toEqual([{ symbols: ['LATE'], kind: 'refused', reason: 'LATE not open' }]);
    expect(made.served).toEqual([]);
    expect(asksFor(socket.sent, 'LATE')).toBeWithin(4, 8);
    await go(170);
    expect(made.served).toEqual(['LATE']);
    expect(made.confirmed).toEqual(['A@1', 'B@1', 'LATE@1']);
    expect(made.connection.snapshot().codes.map(({ refused }) => refused)).toEqual([null, null, null]);
    expect(asksFor(socket.sent, 'A')).toBe(1);
    expect(socket.sent.filter((text) => text.includes('LATE') && /"A"|"B"/.test(text)).length).toBeLessThan(
      2,
    );
    expect(made.sockets).toHaveLength(1);
  });

  test('that opens after 25 s is served within 20 s of it', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'LATE'], { clock, serve: opening(clock, { LATE: 25_000 }) });
    await clock.advance(45_000);
    expect(made.served).toEqual(['LATE']);
  });

  test('waits no longer than five minutes, and not at all once there is a reason to ask', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'NEVER'], {
      clock,
      serve: opening(clock, { NEVER: Number.POSITIVE_INFINITY }),
    });
    await clock.advance(3_600_000);
    const socket = socketOf(made, 1);
    const asked = asksFor(socket.sent, 'NEVER');
    expect(asked).toBeWithin(15, 25);
    await clock.advance(2000);
    made.connection.askAgain(new Set());
    await clock.advance(2000);
    expect(asksFor(socket.sent, 'NEVER')).toBe(asked + 1);
    expect(made.refused).toHaveLength(1);
  });

  test.each([
    ['refused', false],
    ['ignored', true],
  ])(
    'with all others that are %s for long is served within 30 s of the time when the exchange serves again',
    async (_name, mute) => {
      for (const [seed, awayMs] of [100_000, 700_000, 3_600_000].entries()) {
        const clock = new ManualClock(undefined, seeded(seed + 1));
        const symbols = ['A', 'B', 'C', 'D', 'E'];
        const closed = Object.fromEntries(symbols.map((symbol) => [symbol, awayMs]));
        const made = await running(symbols, {
          clock,
          exchange: { heartbeat: { send: 'ping', everyMs: 10_000, deadAfterMs: 30_000 } },
          settings: { staleAfterMs: 1e9 },
          serve: opening(clock, closed, mute),
        });
        await clock.advance(awayMs - 200);
        expect(made.confirmed).toEqual([]);
        const sent = made.sockets.flatMap((socket) => socket.sent).filter((text) => text !== '<ping>');
        expect(sent.length).toBeLessThan(40 + awayMs / 10_000);
        await clock.advance(30_000);
        expect(made.confirmed.map((name) => name.slice(0, 1)).sort()).toEqual(symbols);
      }
    },
  );

  test('that is confirmed on the side of the exchange gives hope for all others', async () => {
    const clock = new ManualClock();
    const symbols = Array.from({ length: 40 }, (_, i) => `S${i}`);
    const closed = Object.fromEntries(symbols.map((symbol) => [symbol, 100_000]));
    const exchange: Partial<Exchange> = { limits: { ...LIMITS, codesPerFrame: 20 } };
    const made = await running(symbols, { clock, exchange, serve: opening(clock, closed) });
    await clock.advance(99_000);
    expect(made.confirmed).toEqual([]);
    const before = socketOf(made, 1).sent.length;
    await clock.advance(10_000);
    expect(made.confirmed).toHaveLength(40);
    expect(socketOf(made, 1).sent.length - before).toBeLessThan(12);
  });

  test('is asked for at once, with all others, when the exchange says that it serves again', async () => {
    const clock = new ManualClock();
    const closed = { A: 60_000, B: 60_000, C: 60_000, D: 60_000 };
    const made = await running(Object.keys(closed), { clock, serve: opening(clock, closed) });
    await clock.advance(60_000);
    const socket = socketOf(made, 1);
    const before = socket.sent.length;
    socket.frame({ reopened: 1 });
    await clock.advance(30);
    expect(socket.sent.slice(before)).toEqual(['{"sub":["A","B"]}', '{"sub":["C","D"]}']);
    expect(made.served).toEqual(['A', 'B', 'C', 'D']);
  });

  test('takes no more than a quarter of the messages that an exchange allows', async () => {
    const clock = new ManualClock();
    const symbols = Array.from({ length: 60 }, (_, i) => `S${i}`);
    const never = Object.fromEntries(symbols.map((symbol) => [symbol, Number.POSITIVE_INFINITY]));
    const exchange: Partial<Exchange> = {
      heartbeat: { deadAfterMs: 1e9 },
      limits: { ...LIMITS, sends: [{ count: 480, perMs: 3_600_000 }] },
    };
    const made = await running(symbols, { clock, exchange, serve: opening(clock, never) });
    await clock.advance(60_000);
    const before = socketOf(made, 1).sent.length;
    await clock.advance(3_600_000);
    expect(socketOf(made, 1).sent.length - before).toBeLessThanOrEqual(121);
    made.connection.update([...symbols.slice(1), 'NEW'].map(coin));
    await clock.advance(100);
    expect(made.confirmed).toEqual(['NEW@1']);
  });

  test('flaps: its wait goes on from where it was', async () => {
    const { subscriptions, drain } = single({ subscribing: 'add' });
    drain(0);
    let nowMs = 0;
    let asked = 0;
    for (; nowMs < 600_000; nowMs += 1000) {
      subscriptions.retry(nowMs);
      if (drain(nowMs).length === 0) continue;
      asked++;
      subscriptions.ack(['A'], nowMs);
      subscriptions.refused(['A'], nowMs);
    }
    subscriptions.refused(['A'], 0);
    expect(asked).toBeLessThan(9);
  });
});

describe('a code that is never answered', () => {
  test('is told as unconfirmed, stays subscribed, and is asked for again', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'LATE'], { clock, serve: opening(clock, { LATE: 90_000 }, true) });
    await clock.advance(60_000);
    expect(made.refused).toEqual([{ symbols: ['LATE'], kind: 'unconfirmed', reason: 'never confirmed' }]);
    expect(made.connection.snapshot().codes[1]).toMatchObject({
      refused: null,
      unconfirmed: 'never confirmed',
    });
    await clock.advance(80_000);
    expect(made.served).toEqual(['LATE']);
    expect(made.refused).toHaveLength(1);
    expect(made.connection.snapshot().codes[1]?.unconfirmed).toBeNull();
  });

  test('is asked for by a new list where lists are replaced, and seldom, as that brings every snapshot again', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'LATE', 'NEVER'], {
      clock,
      exchange: { subscribing: 'replace', confirms: 'data' },
      serve: opening(clock, { LATE: 45_000, NEVER: Number.POSITIVE_INFINITY }, true),
    });
    const socket = socketOf(made, 1);
    await clock.advance(75_000);
    expect(made.served).toEqual(['LATE']);
    await clock.advance(3_600_000 - 75_000);
    const lists = socket.sent.filter((text) => text.includes('list'));
    expect(lists.length).toBeWithin(12, 22);
    expect(new Set(lists)).toEqual(new Set(['{"list":["A","LATE","NEVER"]}']));
  });
});

test('a successor does not wait for what is asked for again', async () => {
  const clock = new ManualClock();
  const made = await running(['A', 'NEVER'], {
    clock,
    serve: opening(clock, { NEVER: Number.POSITIVE_INFINITY }),
  });
  socketOf(made, 1).frame({ restart: 'upgrade' });
  await clock.advance(200);
  expect(made.connection.snapshot().sockets.find(({ primary }) => primary)?.id).toBe(2);
});

describe('what is told of a code and a socket', () => {
  test('its confirmation once, also when it is subscribed anew there', async () => {
    const made = await running(['A', 'B']);
    const socket = socketOf(made, 1);
    socket.frame({ resync: 'A' });
    await made.clock.advance(100);
    expect(asksFor(socket.sent, 'A')).toBe(2);
    expect(made.confirmed).toEqual(['A@1', 'B@1']);
    socket.end();
    await made.clock.advance(2000);
    expect(made.confirmed).toEqual(['A@1', 'B@1', 'A@2', 'B@2']);
  });

  test('again where it was left and is wanted once more', async () => {
    const made = await running(['A', 'B']);
    made.connection.update([coin('A')]);
    await made.clock.advance(100);
    made.connection.update(['A', 'B'].map(coin));
    await made.clock.advance(100);
    expect(made.confirmed).toEqual(['A@1', 'B@1', 'B@1']);
  });
});

test('where a subscription may be repeated a code is subscribed anew without being left', async () => {
  const made = await running(['A', 'B'], { exchange: { repeatable: true } });
  socketOf(made, 1).frame({ resync: 'A' });
  await made.clock.advance(100);
  expect(socketOf(made, 1).sent).toEqual(['{"sub":["A","B"]}', '{"sub":["A"]}']);
});

describe('answers that an exchange asks for', () => {
  test('without end: subscriptions go out all the same, the latest pong counts, the others are counted', async () => {
    const clock = new ManualClock();
    const made = rig({
      clock,
      exchange: { limits: { ...LIMITS, codesPerFrame: 1, sends: [{ count: 1, perMs: 100 }] } },
    });
    const symbols = Array.from({ length: 20 }, (_, i) => `S${i}`);
    made.connection.update(symbols.map(coin));
    made.connection.start();
    await clock.advance(20);
    const socket = socketOf(made, 1);
    for (let ping = 0; ping < 60_000; ping++) {
      socket.frame({ send: `pong ${ping}`, instead: 'pong' });
      if (ping % 1000 === 0) await clock.advance(100);
    }
    expect(symbols.filter((symbol) => asksFor(socket.sent, symbol) > 0)).toHaveLength(20);
    const pongs = socket.sent.filter((text) => text.startsWith('pong'));
    expect(pongs.length).toBeWithin(20, 40);
    await clock.advance(5000);
    expect(socket.sent.filter((text) => text.startsWith('pong')).at(-1)).toBe('pong 59999');
    expect(made.unanswered.length + socket.sent.filter((text) => text.startsWith('pong')).length).toBe(
      60_000,
    );
  });

  test('under no name: a few wait, the rest is counted', async () => {
    const clock = new ManualClock();
    const made = await running(['A'], {
      clock,
      exchange: { limits: { ...LIMITS, sends: [{ count: 1, perMs: 100 }] } },
    });
    const socket = socketOf(made, 1);
    for (let i = 0; i < 10_000; i++) socket.frame({ send: `answer ${i}` });
    await clock.advance(60_000);
    const answers = socket.sent.filter((text) => text.startsWith('answer'));
    expect(answers.length).toBeLessThan(100);
    expect(made.unanswered.length + answers.length).toBe(10_000);
  });
});

function single(over: Partial<Exchange>) {
  const exchange = fakeExchange(over);
  const session = exchange.session('trade', new Markets(() => null));
  const subscriptions = new Subscriptions(exchange, [coin('A')], new Set(), () => 0.5);
  const drain = (nowMs: number): string[] => {
    const frames: string[] = [];
    while (subscriptions.pending) frames.push(...subscriptions.next(session, nowMs));
    return frames;
  };
  return { subscriptions, drain };
}

describe('a code that is confirmed and not served', () => {
  /** Confirms whatever it is asked for; serves what was open when it was asked for. */
  function confirming(clock: ManualClock, opensMs: Record<string, number>): Serve {
    return (socket) => {
      const served = new Set<string>();
      clock.after(10, () => socket.accept());
      socket.onSend = (text) => {
        answer(clock, socket, text);
        if (text === '<ping>') return;
        const { sub, unsub } = JSON.parse(text) as { sub?: string[]; unsub?: string[] };
        for (const symbol of unsub ?? []) served.delete(symbol);
        for (const symbol of sub ?? []) if (clock.now() >= (opensMs[symbol] ?? 0)) served.add(symbol);
      };
      const trade = (): void => {
        for (const symbol of served) socket.row(symbol);
        if (!socket.gone) clock.after(1000, trade);
      };
      clock.after(1000, trade);
    };
  }

  test('is subscribed anew when a market list newly has it, and no other is', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'B', 'LATE'], { clock, serve: confirming(clock, { LATE: 60_000 }) });
    const socket = socketOf(made, 1);
    await clock.advance(90_000);
    expect(made.rows.filter((row) => row.startsWith('LATE'))).toEqual([]);
    const before = socket.sent.length;
    made.connection.askAgain(new Set(['A', 'LATE']));
    await clock.advance(3000);
    expect(socket.sent.slice(before).filter((text) => text !== '<ping>')).toEqual([
      '{"unsub":["LATE"]}',
      '{"sub":["LATE"]}',
    ]);
    expect(made.rows).toContain('LATE@1*');
    expect(made.gaps.every(({ to }) => to !== null)).toBe(true);
    expect(made.confirmed).toEqual(['A@1', 'B@1', 'LATE@1']);
  });

  test('and was listed all the while is subscribed anew at readings, ever more seldom', async () => {
    const clock = new ManualClock();
    const serve = confirming(clock, { LATE: 100_000, NEVER: Number.POSITIVE_INFINITY });
    const made = await running(['A', 'LATE', 'NEVER'], { clock, serve });
    const socket = socketOf(made, 1);
    for (let reading = 0; reading < 100; reading++) {
      await clock.advance(15_000);
      made.connection.askAgain(new Set());
    }
    await clock.advance(2000);
    expect(made.rows).toContain('LATE@1*');
    expect(asksFor(socket.sent, 'A')).toBe(1);
    expect(asksFor(socket.sent, 'NEVER')).toBe(1 + 7);
    expect(asksFor(socket.sent, 'LATE')).toBeLessThan(6);
  });

  test('many at once are not asked for at one reading', async () => {
    const clock = new ManualClock();
    const symbols = Array.from({ length: 90 }, (_, i) => `S${i}`);
    const closed = Object.fromEntries(symbols.map((symbol) => [symbol, Number.POSITIVE_INFINITY]));
    const made = await running(['A', ...symbols], { clock, serve: confirming(clock, closed) });
    const socket = socketOf(made, 1);
    const asked = () => symbols.filter((symbol) => asksFor(socket.sent, symbol) > 1).length;
    for (const most of [20, 40, 60, 80, 90]) {
      await clock.advance(15_000);
      made.connection.askAgain(new Set());
      await clock.advance(1000);
      expect(asked()).toBeLessThanOrEqual(most);
    }
    for (let reading = 0; reading < 20; reading++) {
      await clock.advance(15_000);
      made.connection.askAgain(new Set());
    }
    await clock.advance(1000);
    expect(asked()).toBe(90);
  });
});
