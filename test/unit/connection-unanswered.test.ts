import { describe, expect, test } from 'bun:test';
import { Coverage } from '../../src/core/connection/coverage.ts';
import type { Gap } from '../../src/core/events.ts';
import { coin, type Rig, running, socketOf, wellBehaved } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const SECOND = 1_000_000;

/** Rows of both codes every 100 ms, as they happen. */
async function flow(made: Rig, seconds: number, symbols = ['A', 'B']): Promise<void> {
  for (let i = 0; i < seconds * 10; i++) {
    for (const symbol of symbols) socketOf(made, made.sockets.length).row(symbol);
    await made.clock.advance(100);
  }
}

describe('asked for and not heard of', () => {
  /** Socket 1 confirms nothing by itself; the others refuse everything. */
  async function unheard(): Promise<Rig> {
    const clock = new ManualClock();
    return running(['A', 'B'], {
      clock,
      serve: (socket, nth) => {
        clock.after(10, () => socket.accept());
        if (nth > 1)
          socket.onSend = (text) => {
            const { sub } = text.startsWith('{') ? JSON.parse(text) : {};
            if (sub) clock.after(10, () => socket.frame({ refused: sub, reason: 'maintenance' }));
          };
      },
    });
  }

  test('and then not read for a while: what was served meanwhile may be lost', async () => {
    const made = await unheard();
    const from = made.clock.micros();
    made.connection.pause();
    await made.clock.advance(2000);
    made.connection.resume();
    socketOf(made, 1).frame({ ack: ['A', 'B'] });
    await made.clock.advance(1000);
    expect(made.gaps).toMatchObject([{ cause: 'pause', codes: ['KRW-A', 'KRW-B'] }]);
    expect(made.gaps[0]?.from).toBeLessThanOrEqual(from);
    expect(made.gaps[0]?.to).toBeGreaterThanOrEqual(from + 2 * SECOND);
  });

  test('whose rows are read when the socket has ended: it is missing while the exchange refuses it', async () => {
    const made = await unheard();
    socketOf(made, 1).end();
    made.handles[0]?.data(coin('A'), made.clock.now(), 1, made.clock.micros());
    await made.clock.advance(5000);
    expect(made.refused.flatMap(({ symbols }) => symbols).sort()).toEqual(['A', 'B']);
    const missing = made.connection.snapshot().codes.filter((code) => code.missing);
    expect(missing.map(({ code }) => code)).toEqual(['KRW-A']);
  });
});

describe('refused', () => {
  /** Refuses `A` on every socket but the first, until `opensMs` later. */
  async function refusing(symbols: readonly string[]): Promise<{ made: Rig; refuse: { A: boolean } }> {
    const clock = new ManualClock();
    const refuse = { A: false };
    const made = await running(symbols, {
      clock,
      serve: (socket, nth) => {
        wellBehaved(clock)(socket, nth);
        const serve = socket.onSend;
        socket.onSend = (text) => {
          if (!refuse.A || text === '<ping>') return serve(text);
          const { sub = [] } = JSON.parse(text) as { sub?: string[] };
          if (!sub.includes('A')) return serve(text);
          const others = sub.filter((symbol) => symbol !== 'A');
          clock.after(10, () => socket.frame({ refused: ['A'], reason: 'maintenance' }));
          if (others.length > 0) serve(JSON.stringify({ sub: others }));
        };
      },
    });
    return { made, refuse };
  }

  test('after a reconnect: the gap goes on until its rows come, whatever becomes of the others', async () => {
    const { made, refuse } = await refusing(['A', 'B']);
    await flow(made, 5);
    refuse.A = true;
    const cutAt = made.clock.micros();
    socketOf(made, 1).end();
    await made.clock.advance(120_000);
    expect(made.gaps.filter(({ to }) => to !== null)).toMatchObject([{ cause: 'cut', codes: ['KRW-B'] }]);
    refuse.A = false;
    socketOf(made, made.sockets.length).end();
    await made.clock.advance(5000);
    const own = made.gaps.filter(({ to, codes }) => to !== null && codes.includes('KRW-A'));
    expect(own).toMatchObject([{ cause: 'refused' }]);
    expect(own[0]?.from).toBeLessThanOrEqual(cutAt);
    // As far as the old socket brought it, and no earlier, whatever a new one has heard.
    expect(own[0]?.from).toBeGreaterThan(cutAt - SECOND);
    expect(own[0]?.to).toBeGreaterThan(cutAt + 120 * SECOND);
    // Told as open once, under the same beginning.
    const open = made.gaps.filter(({ to, codes }) => to === null && codes.includes('KRW-A'));
    expect(open.map(({ from }) => from)).toEqual([own[0]?.from as number]);
  });

  test('and asked again when its socket ends: it may have been served, which no answer has told', async () => {
    const { made, refuse } = await refusing(['B']);
    const first = socketOf(made, 1);
    refuse.A = true;
    made.connection.update([coin('A'), coin('B')]);
    await made.clock.advance(1000);
    expect(made.refused.map(({ symbols }) => symbols)).toEqual([['A']]);
    refuse.A = false;
    const before = first.sent.length;
    first.onSend = () => {};
    while (!first.sent.slice(before).some((text) => text.includes('"A"'))) await made.clock.advance(100);
    const from = made.clock.micros();
    first.end();
    await made.clock.advance(3000);
    const gap = made.gaps.find(({ codes }) => codes.includes('KRW-A'));
    expect(gap?.from).toBeLessThanOrEqual(from);
    expect(gap?.to).toBeGreaterThan(from);
  });

  test('by a successor: it is missing from when the old socket goes', async () => {
    const { made, refuse } = await refusing(['A', 'B']);
    await flow(made, 5);
    refuse.A = true;
    socketOf(made, 1).frame({ restart: 'maintenance' });
    await made.clock.advance(40_000);
    expect(made.sockets.length).toBeGreaterThan(1);
    expect(socketOf(made, 1).gone).toBe(true);
    void made.connection.stop();
    await made.clock.advance(100);
    const own = made.gaps.filter(({ to, codes }) => to !== null && codes.includes('KRW-A'));
    expect(own.length).toBeGreaterThan(0);
  });

  test('what nobody knows to have been received is no loss when it is refused', async () => {
    const clock = new ManualClock();
    const gaps: Gap[] = [];
    const coverage = new Coverage(clock, (gap) => gaps.push(gap));
    const from = clock.micros();
    coverage.inherit([coin('A')], from, 'restart', false);
    coverage.inherit([coin('B')], from, 'restart', true);
    await clock.advance(1000);
    coverage.dismiss([coin('A'), coin('B')]);
    coverage.refuse([coin('A'), coin('B')], clock.micros());
    await clock.advance(60_000);
    expect(gaps.filter(({ to }) => to !== null).flatMap(({ codes }) => codes)).toEqual(['KRW-A']);
    expect(gaps.filter(({ to }) => to === null)).toMatchObject([
      { cause: 'refused', codes: ['KRW-B'], from },
    ]);
  });
});
