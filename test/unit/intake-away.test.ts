import { beforeEach, describe, expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { StateStore } from '../../src/application/state-store.ts';
import { Fault } from '../../src/common/errors.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { type IntakeRig, intakeRig } from './intake-rig.ts';
import { malformedRecord } from './malformed-commands.ts';
import { settle } from './manual-clock.ts';
import { randomOf } from './random.ts';

let rig: IntakeRig;
beforeEach(() => {
  rig = intakeRig();
});

describe('500 malformed records', () => {
  const seed = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
  test(`each has a reply and a dead letter, and the next rig.command works (seed ${seed})`, async () => {
    const random = randomOf(seed);
    for (let made = 0; made < 500; made++) {
      const { value } = malformedRecord(random);
      await rig.intake.handle({
        ...rig.record(null),
        value,
        key: random() < 0.5 ? null : Uint8Array.of(0xff, 0x00),
      });
    }
    expect(rig.events).toHaveLength(500);
    expect(rig.letters).toHaveLength(500);
    expect(rig.events.every(({ target, outcome }) => target === null && outcome === 'refused')).toBe(true);
    expect(new Set(rig.events.map(({ replyId }) => replyId)).size).toBe(500);
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC']));
    expect(rig.changed).toHaveLength(1);
  });

  test('a dead letter of 10 MB fits a broker that takes 1 MB', async () => {
    await rig.intake.handle({ ...rig.record(null), value: new Uint8Array(10_000_000).fill(0x5b) });
    expect(rig.letters[0]?.rawContext).toMatchObject({ value_bytes: 10_000_000, truncated: true });
    expect(JSON.stringify(rig.letters[0]).length).toBeLessThan(900_000);
    expect(JSON.stringify(rig.events[0]).length).toBeLessThan(100_000);
  });
});

describe('while something is away', () => {
  /** The store, with calls that fail as long as `away` says so. */
  function flaky(state: { away: boolean }): StateStore {
    const fault = () => new Fault('redis_unavailable', 'redis', 'Redis is away.', '');
    const back = Promise.withResolvers<void>();
    return {
      ...rig.store,
      get available() {
        return !state.away;
      },
      whenAvailable: async () => {
        while (state.away) await Promise.race([back.promise, settle()]);
      },
      outcomes: {
        read: async (place) => {
          if (state.away) throw fault();
          return rig.store.outcomes.read(place);
        },
        write: rig.store.outcomes.write,
      },
    };
  }

  test('the store: the command waits, is not dropped, and is answered once', async () => {
    const state = { away: true };
    rig.intake = rig.make({ store: flaky(state) });
    let done = false;
    const handled = rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC'])).then(() => {
      done = true;
    });
    await rig.clock.advance(10_000);
    expect({ done, waiting: rig.intake.waiting, events: rig.events.length }).toEqual({
      done: false,
      waiting: true,
      events: 0,
    });
    state.away = false;
    await rig.clock.advance(1000);
    await handled;
    expect(rig.intake.waiting).toBe(false);
    expect(rig.events.map(({ outcome }) => outcome)).toEqual(['accepted']);
  });

  test('the store, and the program stops: the record fails, so that it comes again', async () => {
    rig.intake = rig.make({ store: flaky({ away: true }) });
    const handled = rig.intake
      .handle(rig.command('connect_and_subscribe', ['KRW-BTC']))
      .catch((error: unknown) => error);
    await rig.clock.advance(1000);
    rig.intake.stop();
    expect(await handled).toMatchObject({ code: 'undelivered' });
    expect(rig.events).toHaveLength(0);
  });

  test('the broker: the record is done only when reply and dead letter are acknowledged', async () => {
    const acknowledge: (() => void)[] = [];
    rig.broker = () => new Promise((resolve) => acknowledge.push(resolve));
    let done = false;
    const handled = rig.intake.handle(rig.command('connect_and_subscribe', ['NOPE'])).then(() => {
      done = true;
    });
    await settle();
    expect(acknowledge).toHaveLength(2);
    acknowledge[0]?.();
    await settle();
    expect(done).toBe(false);
    acknowledge[1]?.();
    await handled;
    expect(done).toBe(true);
  });

  test('a reply that the broker refuses for good does not stop the next command; one not delivered fails', async () => {
    rig.broker = async () => {
      throw new Fault('message_rejected', 'ws.event', 'too large', '');
    };
    await rig.intake.handle(rig.command('status'));
    rig.broker = async () => {
      throw new Fault('undelivered', 'ws.event', 'the program stops', '');
    };
    await expect(rig.intake.handle(rig.command('status'))).rejects.toMatchObject({ code: 'undelivered' });
  });

  test('a fault of the program is an answer', async () => {
    rig.intake = rig.make({
      store: {
        ...rig.store,
        desired: { ...rig.store.desired, readAll: async () => Promise.reject(new TypeError('bug')) },
      },
    });
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC']));
    expect(rig.events[0]).toMatchObject({ outcome: 'refused', reason: 'internal_error' });
    expect(rig.letters).toHaveLength(1);
  });

  test('the market list: native ids work, others are refused, and it is not waited for by every command', async () => {
    rig.markets = new Markets(upbit.markets.split);
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC']));
    await rig.intake.handle(rig.command('connect_and_subscribe', ['BTC']));
    expect(rig.events.map(({ reason }) => reason)).toEqual([null, 'market_list_unavailable']);
    expect(rig.ensured).toBe(1);
    await rig.clock.advance(20_000);
    await rig.intake.handle(rig.command('connect_and_subscribe', ['*']));
    expect(rig.ensured).toBe(2);
  });
});
