import { describe, expect, test } from 'bun:test';
import { type Gathered, Gathering } from '../../src/infra/websocket/gathering.ts';
import { ManualClock, settle } from './manual-clock.ts';

function rig(everyMs: number) {
  const clock = new ManualClock();
  const gathering = new Gathering(clock, everyMs);
  const log: string[] = [];
  const socket = (name: string): Gathered => ({
    frames: 0,
    hold: () => void log.push(`hold ${name}`),
    release: () => void log.push(`release ${name} at ${clock.now()}`),
  });
  const read = async (one: Gathered, frames: number) => {
    for (let n = 0; n < frames; n++) gathering.read(one);
    await settle();
  };
  return { clock, log, socket, read };
}

describe('sockets that are read together', () => {
  test('are held once all that has arrived is read, and released at the next turn, all at once', async () => {
    const { clock, log, socket, read } = rig(5);
    const [a, b] = [socket('a'), socket('b')];
    await read(a, 3);
    expect(log).toEqual(['hold a']);
    await clock.advance(2);
    await read(b, 2);
    await clock.advance(10);
    expect(log).toEqual(['hold a', 'hold b', 'release a at 5', 'release b at 5']);
    log.length = 0;
    await read(a, 2);
    await clock.advance(5);
    expect(log).toEqual(['hold a', 'release a at 17']);
    expect(clock.pending).toBe(0);
  });

  test('are not held where frames come one by one, less than two in the time', async () => {
    const { clock, log, socket, read } = rig(5);
    const quiet = socket('quiet');
    for (let n = 0; n < 20; n++) {
      await read(quiet, 1);
      await clock.advance(5);
    }
    expect(log).toEqual([]);
    await read(quiet, 1);
    await clock.advance(2);
    await read(quiet, 1);
    expect(log).toEqual(['hold quiet']);
  });

  test('are never held without the setting, and no timer runs', async () => {
    const { clock, log, socket, read } = rig(0);
    await read(socket('a'), 100);
    expect(log).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('are not held where the turn comes before all that has arrived is read', async () => {
    const turns: (() => void)[] = [];
    const clock = Object.assign(new ManualClock(), {
      after: (_ms: number, turn: () => void) => {
        turns.push(turn);
        return () => {};
      },
    });
    const gathering = new Gathering(clock, 5);
    const log: string[] = [];
    const one = { frames: 0, hold: () => void log.push('hold'), release: () => void log.push('release') };
    gathering.read(one);
    gathering.read(one);
    turns[0]?.();
    await settle();
    expect(log).toEqual([]);
  });
});
