import { describe, expect, test } from 'bun:test';
import { CONNECTION_DEFAULTS } from '../../src/core/connection/settings.ts';
import { coin, type Rig, running, type Serve, socketOf, wellBehaved } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

const SECOND = 1_000_000;
const LINGER_MS = CONNECTION_DEFAULTS.lingerMs;

/** Rows of these codes every 100 ms, as they happen. */
async function flow(made: Rig, ms: number, symbols: readonly string[]): Promise<void> {
  for (let i = 0; i < ms / 100; i++) {
    for (const symbol of symbols) socketOf(made, made.sockets.length).row(symbol);
    await made.clock.advance(100);
  }
}

describe('a code that is not wanted any more', () => {
  test('and whose socket ends before all is here that was sent of it: the gap holds that', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 1000, ['A', 'B']);
    const last = made.clock.micros() - 100_000;
    made.connection.update([coin('A')]);
    const removed = made.clock.micros();
    await made.clock.advance(20);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    const gap = made.gaps.find(({ codes }) => codes.includes('KRW-B'));
    expect(gap).toMatchObject({ cause: 'cut' });
    expect(gap?.from).toBeLessThanOrEqual(last);
    expect(gap?.to).toBeGreaterThanOrEqual(removed);
    expect(gap?.to).toBeLessThan(removed + SECOND);
  });

  test('over a socket that is mute: its gap begins when that fell silent, whenever it is found dead', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 1000, ['A', 'B']);
    const muteAt = made.clock.micros();
    socketOf(made, 1).onSend = () => {};
    await made.clock.advance(5000);
    made.connection.update([coin('A')]);
    const removed = made.clock.micros();
    await made.clock.advance(60_000);
    const gap = made.gaps.find(({ codes }) => codes.includes('KRW-B'));
    expect(gap?.from).toBeLessThanOrEqual(muteAt);
    expect(gap?.to).toBeGreaterThanOrEqual(removed);
  });

  test('the last one: a goodbye without an answer is a loss, one with an answer is none', async () => {
    for (const stubborn of [true, false]) {
      const made = await running(['A']);
      await flow(made, 1000, ['A']);
      socketOf(made, 1).stubborn = stubborn;
      made.connection.update([]);
      await made.clock.advance(100);
      socketOf(made, 1).end();
      await made.clock.advance(3000);
      expect(made.gaps.flatMap(({ codes }) => codes)).toEqual(stubborn ? ['KRW-A'] : []);
    }
  });

  test('and of which all is here has no gap, whatever becomes of the socket then', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 1000, ['A', 'B']);
    made.connection.update([coin('A')]);
    await flow(made, 2000, ['A']);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    expect(made.gaps.flatMap(({ codes }) => codes)).toEqual(['KRW-A']);
  });

  test('and is wanted again at once: what was sent before may be lost', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 1000, ['A', 'B']);
    const last = made.clock.micros() - 100_000;
    made.connection.update([coin('A')]);
    await made.clock.advance(50);
    made.connection.update([coin('A'), coin('B')]);
    await made.clock.advance(5);
    socketOf(made, 1).end();
    await made.clock.advance(3000);
    const gap = made.gaps.find(({ codes }) => codes.includes('KRW-B'));
    expect(gap?.from).toBeLessThanOrEqual(last);
  });

  test('and was refused to the new socket: what was sent after our goodbye to the old one has a gap', async () => {
    for (const afterGoodbye of [true, false]) {
      const clock = new ManualClock();
      const serve: Serve = (socket, nth) => {
        wellBehaved(clock)(socket, nth);
        if (nth === 2) socket.onSend = () => socket.frame({ ack: ['A'], refused: ['B'], reason: 'no' });
      };
      const made = await running(['A', 'B'], { clock, serve });
      await flow(made, 5000, ['A', 'B']);
      const old = socketOf(made, 1);
      old.stubborn = true;
      old.frame({ restart: 'soon' });
      await clock.advance(afterGoodbye ? LINGER_MS + 100 : LINGER_MS - 100);
      expect(made.refused.flatMap(({ symbols }) => symbols)).toEqual(['B']);
      const goodbye = clock.micros() - 100_000;
      made.connection.update([coin('A')]);
      const removed = clock.micros();
      await clock.advance(200);
      old.end(1000);
      await clock.advance(3000);
      const gaps = made.gaps.filter(({ codes }) => codes.includes('KRW-B'));
      expect(gaps.map(({ cause }) => cause)).toEqual(afterGoodbye ? ['cut'] : []);
      for (const { from, to } of gaps) {
        expect(from).toBeLessThanOrEqual(goodbye);
        expect(to).toBeGreaterThanOrEqual(removed);
        expect(to).toBeLessThan(removed + SECOND);
      }
    }
  });

  test('over two sockets of which the new one ends first: the gap begins where the old one fell silent', async () => {
    const made = await running(['A', 'B']);
    await flow(made, 5000, ['A', 'B']);
    const old = socketOf(made, 1);
    const silentAt = made.clock.micros();
    await made.clock.advance(3000);
    old.stubborn = true;
    old.frame({ restart: 'soon' });
    await made.clock.advance(2 * LINGER_MS);
    await flow(made, 1000, ['A', 'B']);
    made.connection.update([coin('A')]);
    const removed = made.clock.micros();
    await made.clock.advance(10);
    socketOf(made, 2).end();
    await made.clock.advance(10);
    old.end();
    await made.clock.advance(3000);
    const gaps = made.gaps.filter(({ codes }) => codes.includes('KRW-B'));
    expect(gaps.some(({ from, to }) => from <= silentAt && (to ?? 0) >= removed)).toBe(true);
  });

  test('a stop says whether the sockets brought all that was sent', async () => {
    for (const stubborn of [true, false]) {
      const made = await running(['A']);
      await flow(made, 1000, ['A']);
      const socket = socketOf(made, 1);
      socket.stubborn = stubborn;
      const stopped = made.connection.stop();
      await made.clock.advance(100);
      socket.end();
      expect(await stopped).toBe(!stubborn);
    }
  });
});
