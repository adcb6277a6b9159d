import { beforeEach, describe, expect, test } from 'bun:test';
import { upbit } from '../../exchanges/upbit.ts';
import type { StateStore } from '../../src/application/state-store.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import { type IntakeRig, intakeRig, KEY, TARGET } from './intake-rig.ts';
import { settle } from './manual-clock.ts';

let rig: IntakeRig;
beforeEach(() => {
  rig = intakeRig();
});

describe('outcomes', () => {
  test('accepted: state in the store, one reply, then the stream is told', async () => {
    await rig.intake.handle(rig.command('connect_and_subscribe', ['BTC']));
    expect(await rig.store.desired.read(KEY)).toMatchObject({
      version: 1,
      codes: ['KRW-BTC'],
      correlation_id: 'c-1',
    });
    expect(rig.events).toHaveLength(1);
    expect(rig.events[0]).toMatchObject({
      kind: 'reply',
      outcome: 'accepted',
      reason: null,
      target: TARGET,
      correlationId: 'c-1',
      resolved: [{ asked: 'BTC', symbol: 'KRW-BTC', code: 'KRW-BTC' }],
    });
    expect(rig.events[0]?.replyId).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(rig.changed.map(({ version }) => version)).toEqual([1]);
    expect(rig.letters).toHaveLength(0);
  });

  test('noop and refused; the refused one is a dead letter with paths and the raw bytes', async () => {
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC']));
    await rig.intake.handle(rig.command('connect_and_subscribe', ['BTC']));
    const wrong = rig.command('connect_and_subscribe', ['KRW-BTC', 'NOPE']);
    await rig.intake.handle(wrong);
    expect(rig.events.map(({ outcome }) => outcome)).toEqual(['accepted', 'noop', 'refused']);
    expect(rig.changed).toHaveLength(1);
    expect(rig.letters).toHaveLength(1);
    expect(rig.letters[0]).toMatchObject({
      key: 'korea|upbit|ticker',
      target: TARGET,
      correlationId: 'c-1',
      detail: {
        validation_error: 'unknown_symbols',
        errors: [{ path: 'symbols.1' }],
        reply_id: rig.events[2]?.replyId,
      },
      rawContext: { value_base64: Buffer.from(wrong.value ?? []).toString('base64'), truncated: false },
    });
  });

  test('the dead letter of a refused command also shows its fields, unless they are endless', async () => {
    const shape = { type: 'command', action: 'status', target: TARGET, topic: 'mine', surprise: [1] };
    await rig.intake.handle(rig.record(shape));
    expect(rig.letters[0]?.rawContext).toMatchObject({ ...shape, topic: 'ws.command', truncated: false });
    const deep = `{"type":"command","routing":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;
    await rig.intake.handle({ ...rig.record(null), value: new TextEncoder().encode(deep) });
    expect(Object.keys(rig.letters[1]?.rawContext ?? {})).not.toContain('routing');
  });

  test('targets that cannot be are named as they came', async () => {
    const target = { exchange: 'nope', region: 'mars', request_type: 'candles' };
    await rig.intake.handle(rig.record({ type: 'command', action: 'disconnect', target }));
    await rig.intake.handle(
      rig.record({ type: 'command', action: 'status', target: { ...TARGET, request_type: 'candles' } }),
    );
    expect(rig.events.map(({ reason }) => reason)).toEqual([
      'unsupported_exchange',
      'unsupported_request_type',
    ]);
    expect(rig.letters[0]?.target).toEqual(target);
    expect(rig.events[0]?.target).toEqual(target);
  });

  test('a refusal is an error of the table, by what is wrong with it', async () => {
    await rig.intake.handle({ ...rig.record(null), value: new TextEncoder().encode('{') });
    await rig.intake.handle(rig.record({ type: 'command', action: 'status' }));
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-NOPE']));
    expect(rig.faults).toEqual(['invalid_schema', 'missing_field', 'command_refused']);
    expect(rig.letters.map(({ detail }) => detail.error_code)).toEqual(rig.faults);
  });

  test('a foreign type is counted and gets no reply', async () => {
    await rig.intake.handle(rig.record({ type: 'event', action: 'x' }));
    expect(rig.events).toHaveLength(0);
    expect(rig.intake.counts).toEqual({ accepted: 0, noop: 0, refused: 0, foreign: 1, repeated: 0 });
  });

  test('a record that comes again gets the same answer and changes nothing', async () => {
    const first = rig.command('connect_and_subscribe', ['KRW-BTC'], { ttl_ms: 1000 });
    const status = rig.command('status');
    await rig.intake.handle(first);
    await rig.intake.handle(status);
    await rig.clock.advance(60_000);
    await rig.intake.handle(rig.command('disconnect'));
    const again = rig.make();
    await again.handle(first);
    await again.handle(status);
    expect(rig.events[3]).toEqual(rig.events[0] as StreamEvent);
    expect(rig.events[4]).toEqual(rig.events[1] as StreamEvent);
    expect((await rig.store.desired.read(KEY))?.codes).toEqual([]);
    expect(again.counts.repeated).toBe(2);
  });

  test('the same place of a topic made anew is another record', async () => {
    const first = rig.command('connect_and_subscribe', ['KRW-BTC'], {});
    await rig.intake.handle(first);
    await rig.intake.handle({ ...rig.command('connect_and_subscribe', ['KRW-ETH']), offset: first.offset });
    expect(new Set(rig.events.map(({ replyId }) => replyId)).size).toBe(2);
    expect((await rig.store.desired.read(KEY))?.codes).toEqual(['KRW-BTC', 'KRW-ETH']);
  });

  test('status tells desired and actual; the ttl of a record without ts_issue counts from its time', async () => {
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC']));
    await rig.intake.handle(rig.command('status'));
    expect(rig.events[1]).toMatchObject({
      outcome: 'accepted',
      detail: { desired: { symbols: ['KRW-BTC'], version: 1 }, actual: { state: 'live' } },
    });
    const old = rig.command('disconnect', undefined, { ttl_ms: 10 });
    await rig.intake.handle({ ...old, timestampMs: old.timestampMs - 6000 });
    expect(rig.events[2]).toMatchObject({ outcome: 'refused', reason: 'stale' });
  });

  test('a breaker is opened and closed by command', async () => {
    for (const action of ['breaker_open', 'breaker_open', 'breaker_close'])
      await rig.intake.handle(rig.command(action));
    expect(rig.events.map(({ outcome }) => outcome)).toEqual(['accepted', 'noop', 'accepted']);
    expect(rig.events[0]?.detail).toMatchObject({
      breaker: { host: 'api.upbit.com', state: 'open', forced: true },
    });
    expect((await rig.store.breakers.read(['api.upbit.com']))[0]?.state).toBe('closed');
  });

  test('records handed over together are answered in order, without waiting for each acknowledgement', async () => {
    const acknowledge: (() => void)[] = [];
    rig.broker = () => new Promise((resolve) => acknowledge.push(resolve));
    const records = [
      rig.command('connect_and_subscribe', ['KRW-BTC']),
      rig.record('nonsense'),
      rig.command('connect_and_subscribe', ['KRW-BTC']),
      rig.command('disconnect'),
    ];
    const handled = Promise.all(records.map((one) => rig.intake.handle(one)));
    await settle();
    expect(rig.events.map(({ outcome }) => outcome)).toEqual(['accepted', 'refused', 'noop', 'accepted']);
    for (const done of acknowledge) done();
    await handled;
  });

  test('a record that two collectors hold at once has one answer', async () => {
    const twice = rig.command('connect_and_subscribe', ['KRW-BTC']);
    await Promise.all([rig.intake.handle(twice), rig.make().handle(twice)]);
    expect(rig.events).toHaveLength(2);
    expect(rig.events[1]).toEqual(rig.events[0] as StreamEvent);
    expect(rig.events[0]?.outcome).toBe('accepted');
  });

  test('nor has it two where a later command changed the stream before the slower one came to write', async () => {
    const twice = rig.command('connect_and_subscribe', ['KRW-BTC']);
    const later = rig.command('disconnect');
    let writes = 0;
    const write: StateStore['desired']['write'] = async (...change) => {
      if (++writes > 3) throw new Error('it tries without end');
      await rig.intake.handle(twice);
      await rig.intake.handle(later);
      return rig.store.desired.write(...change);
    };
    await rig.make({ store: { ...rig.store, desired: { ...rig.store.desired, write } } }).handle(twice);
    expect(rig.events.at(-1)).toEqual(rig.events[0] as StreamEvent);
    expect((await rig.store.desired.read(KEY))?.codes).toEqual([]);
  });

  test('two partitions at once: both commands count', async () => {
    await Promise.all([
      rig.intake.handle({ ...rig.command('connect_and_subscribe', ['KRW-BTC']), partition: 0 }),
      rig.intake.handle({ ...rig.command('connect_and_subscribe', ['KRW-ETH']), partition: 1 }),
    ]);
    const desired = await rig.store.desired.read(KEY);
    expect(desired?.version).toBe(2);
    expect([...(desired?.codes ?? [])].sort()).toEqual(['KRW-BTC', 'KRW-ETH']);
  });

  test('codes that other streams of the exchange hold sockets for are not there to be had', async () => {
    const limits = { ...upbit.limits, sockets: 2, codesPerSocket: 1 };
    rig.intake = rig.make({
      offers: [{ exchange: { ...upbit, limits }, enabled: true, url: null, allowedHosts: [] }],
    });
    await rig.intake.handle(rig.command('connect_and_subscribe', ['KRW-BTC']));
    await rig.intake.handle(
      rig.command('connect_and_subscribe', ['KRW-BTC', 'KRW-ETH'], {
        target: { ...TARGET, request_type: 'trade' },
      }),
    );
    expect(rig.events[1]).toMatchObject({ reason: 'too_many_codes', detail: { wanted: 2, allowed: 1 } });
  });
});
