import { describe, expect, test } from 'bun:test';
import { answer, coin, LIMITS, running, socketOf } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

describe('codes', () => {
  test('come and go on the open socket', async () => {
    const made = await running(['A', 'B']);
    made.connection.update(['B', 'C'].map(coin));
    await made.clock.advance(100);
    expect(made.sockets).toHaveLength(1);
    expect(socketOf(made, 1).sent).toEqual(['{"sub":["A","B"]}', '{"unsub":["A"]}', '{"sub":["C"]}']);
    expect(made.confirmed).toEqual(['A@1', 'B@1', 'C@1']);
    expect(made.gaps).toEqual([]);
  });

  test('that change while the socket is away are those of the next one', async () => {
    const made = await running(['A', 'B']);
    socketOf(made, 1).end();
    made.connection.update(['B', 'C'].map(coin));
    await made.clock.advance(1200);
    expect(made.sockets).toHaveLength(2);
    expect(socketOf(made, 2).sent).toEqual(['{"sub":["B","C"]}']);
  });

  test('changed in the back-off do not shorten it', async () => {
    const made = await running(['A']);
    socketOf(made, 1).end();
    for (let i = 0; i < 9; i++) {
      made.connection.update(['A', `X${i}`].map(coin));
      await made.clock.advance(100);
    }
    expect(made.sockets).toHaveLength(1);
  });

  test('all gone: the socket is closed; back: a new one', async () => {
    const made = await running(['A']);
    made.connection.update([]);
    await made.clock.advance(100);
    expect(socketOf(made, 1).gone).toBe(true);
    expect(made.states.at(-1)).toBe('stopped');
    made.connection.update([coin('A')]);
    await made.clock.advance(100);
    expect(made.sockets).toHaveLength(2);
    expect(made.failed).toEqual([]);
  });

  test('refused: reported once in the exchange’s words, and no other is disturbed', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'BAD'], {
      clock,
      serve: (socket) => {
        clock.after(10, () => socket.accept());
        socket.onSend = (text) => {
          const sub: string[] | undefined = text === '<ping>' ? undefined : JSON.parse(text).sub;
          if (sub?.includes('BAD')) socket.frame({ refused: sub, reason: 'no such market' });
          else answer(clock, socket, text);
        };
      },
    });
    expect(made.refused).toEqual([{ symbols: ['BAD'], kind: 'refused', reason: 'no such market' }]);
    expect(made.confirmed).toEqual(['A@1']);
    expect(made.connection.snapshot().codes.find(({ symbol }) => symbol === 'BAD')?.refused).toBe(
      'no such market',
    );
    socketOf(made, 1).end();
    await clock.advance(2000);
    expect(made.confirmed).toEqual(['A@1', 'A@2']);
    expect(made.refused).toHaveLength(1);
  });

  test('never confirmed: asked for again, then reported with the exchange’s last words, then welcome', async () => {
    const clock = new ManualClock();
    const made = await running(['A', 'MUTE'], {
      clock,
      exchange: { limits: { ...LIMITS, codesPerFrame: 1 } },
      serve: (socket) => {
        clock.after(10, () => socket.accept());
        socket.onSend = (text) => {
          if (text.includes('MUTE')) socket.frame({ refused: [], reason: 'Invalid Topic' });
          else answer(clock, socket, text);
        };
      },
    });
    await clock.advance(35_000);
    expect(socketOf(made, 1).sent.filter((text) => text.includes('MUTE'))).toHaveLength(3);
    expect(made.refused.at(-1)).toEqual({
      symbols: ['MUTE'],
      kind: 'unconfirmed',
      reason: 'never confirmed; the exchange last said: Invalid Topic',
    });
    expect(made.sockets).toHaveLength(1);
    socketOf(made, 1).row('MUTE');
    expect(made.confirmed).toEqual(['A@1', 'MUTE@1']);
  });

  test('to be subscribed anew: dropped and asked for, later and later when it goes on', async () => {
    const made = await running(['A', 'B']);
    const socket = socketOf(made, 1);
    socket.frame({ resync: 'A' });
    await made.clock.advance(100);
    expect(socket.sent.slice(1)).toEqual(['{"unsub":["A"]}', '{"sub":["A"]}']);
    await made.clock.advance(300);
    expect(made.gaps).toMatchObject([{ cause: 'cut', codes: ['KRW-A'] }]);
    for (let i = 0; i < 600; i++) {
      socket.frame({ resync: 'A' });
      await made.clock.advance(100);
    }
    expect(socket.sent.filter((text) => text === '{"sub":["A"]}').length).toBeLessThan(10);
  });
});
