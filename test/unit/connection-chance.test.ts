import { expect, test } from 'bun:test';
import { answer, coin, LIMITS, type Rig, rig, seeded } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const SYMBOLS = ['A', 'B', 'C', 'D', 'E'];

/** What the exchange sent of one code and when, and whether it arrived. */
interface Sent {
  readonly symbol: string;
  readonly at: number;
  arrived: boolean;
}

/**
 * An exchange that trades one code after the other every 50 ms, sends each trade to every socket that has subscribed
 * it, and delivers 130 ms later; a cut swallows what is on its way.
 */
async function live(seed: number): Promise<{ made: Rig; sent: Sent[] }> {
  const random = seeded(seed);
  const clock = new ManualClock(undefined, random);
  const held = new Map<number, Set<string>>();
  const sent: Sent[] = [];
  const made = rig({
    clock,
    settings: { goodAfterMs: 3000 },
    exchange: { limits: { ...LIMITS, lifetimeMs: 60_000, sends: [{ count: 5, perMs: 1000 }] } },
    serve: (socket, nth) => {
      const fate = random();
      if (fate < 0.1) return void clock.after(20, () => socket.end(1006, 'HTTP 503', 503));
      clock.after(20, () => socket.accept());
      const mine = new Set<string>();
      held.set(nth, mine);
      socket.onSend = (text) => {
        if (text !== '<ping>') {
          const { sub, unsub } = JSON.parse(text);
          for (const symbol of sub ?? []) mine.add(symbol);
          for (const symbol of unsub ?? []) mine.delete(symbol);
        }
        answer(clock, socket, text);
      };
      if (fate < 0.2) clock.after(1000, () => socket.frame({ restart: 'soon' }));
    },
  });
  made.connection.update(SYMBOLS.map(coin));
  made.connection.start();
  let turn = 0;
  for (let step = 0; step < 4000; step++) {
    const symbol = SYMBOLS[turn++ % SYMBOLS.length] ?? '';
    const at = clock.micros();
    const carriers = made.sockets.filter((socket, i) => !socket.gone && held.get(i + 1)?.has(symbol));
    const trade: Sent = { symbol, at, arrived: false };
    sent.push(trade);
    for (const socket of carriers) {
      clock.after(130, () => {
        if (socket.gone || socket.paused) return;
        trade.arrived = true;
        socket.row(symbol, at);
      });
    }
    const chance = random();
    const open = made.sockets.filter((socket) => !socket.gone);
    const victim = open[Math.floor(random() * open.length)];
    if (chance < 0.004) victim?.end();
    else if (chance < 0.006) victim?.end(1001, 'going away');
    else if (chance < 0.007) victim?.frame({ resync: symbol });
    await clock.advance(50);
  }
  await clock.advance(200);
  const stopped = made.connection.stop();
  await clock.advance(1000);
  await stopped;
  return { made, sent };
}

test.each(Array.from({ length: 12 }, (_, i) => i + 1))(
  'whatever happens, what did not arrive lies in a gap (%p)',
  async (seed) => {
    const { made, sent } = await live(seed);
    const closed = made.gaps.filter(({ to }) => to !== null);
    const first = new Map<string, number>();
    for (const { symbol, at, arrived } of sent) if (arrived && !first.has(symbol)) first.set(symbol, at);
    const uncovered = sent.filter(
      ({ symbol, at, arrived }) =>
        !arrived &&
        at > (first.get(symbol) ?? Number.POSITIVE_INFINITY) &&
        !closed.some(
          ({ codes, from, to }) => codes.includes(`KRW-${symbol}`) && from <= at && at <= (to ?? 0),
        ),
    );
    expect(uncovered).toEqual([]);
    expect(sent.filter(({ arrived }) => arrived).length).toBeGreaterThan(sent.length / 4);
    for (const { from, to } of closed) expect(to ?? 0).toBeGreaterThanOrEqual(from);
    expect(made.ended.sort((a, b) => a - b)).toEqual(made.handles.map(({ id }) => id));
    expect(made.clock.pending).toBe(0);
  },
);
