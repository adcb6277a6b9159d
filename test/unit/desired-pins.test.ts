import { describe, expect, test } from 'bun:test';
import type { Pinner } from '../../src/core/desired/answer.ts';
import { type ApplyContext, apply } from '../../src/core/desired/apply.ts';
import { reselect } from '../../src/core/desired/reselect.ts';
import type { DesiredStream } from '../../src/core/desired/stream.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { after, command, context, korean, LISTED, nothing, rules } from './desired-parts.ts';

describe('pins', () => {
  test('pinned streams can grow and not shrink', () => {
    const pinned = after(command('pin', ['KRW-BTC']), command('connect_and_subscribe', ['ETH']));
    expect(pinned).toMatchObject({ pinned: ['KRW-BTC'], codes: ['KRW-BTC', 'KRW-ETH'] });
    for (const wrong of [
      command('disconnect'),
      command('unsubscribe', ['ETH', 'BTC']),
      command('unsubscribe', ['*']),
    ]) {
      const { reply, desired } = apply(pinned, wrong, context);
      expect(reply.reason).toBe('pinned_by_config');
      expect(desired).toBe(pinned);
    }
    expect(apply(pinned, command('unsubscribe', ['ETH']), context).desired.codes).toEqual(['KRW-BTC']);
    // What the configuration alone asked for leaves with it, what a command asked for stays.
    const freed = apply(pinned, command('pin', []), context).desired;
    expect(freed).toMatchObject({ pinned: [], pins: [], configured: [], codes: ['KRW-ETH'] });
    expect(apply(freed, command('disconnect'), context).reply.outcome).toBe('accepted');
  });

  test('of a pin what can run runs; the rest is told and runs with a later list', () => {
    const limited = { ...context, rules: rules({ sockets: 1 }) };
    const given = apply(nothing, command('pin', ['KRW-BTC', 'KRW-NOPE', 'ETH', 'XRP', 'SOL']), limited);
    expect(given.desired.codes).toEqual(['KRW-BTC', 'KRW-ETH', 'KRW-XRP']);
    expect(given.reply).toMatchObject({ outcome: 'accepted', reason: null });
    expect(given.reply.errors).toEqual([
      { path: 'symbols.1', message: 'KRW-NOPE is not a market of upbit' },
      { path: 'symbols.4', message: 'SOL has no place: 4 codes wanted, 3 allowed' },
    ]);
    const later = { ...context, markets: korean([...LISTED, 'KRW-NOPE']) };
    const again = apply(given.desired, command('pin', ['KRW-BTC', 'KRW-NOPE', 'ETH']), later);
    expect(again.desired.codes).toEqual(['KRW-BTC', 'KRW-ETH', 'KRW-NOPE']);
    expect(again.reply.errors).toEqual([]);
  });

  test('without a market list what was pinned before stays pinned', () => {
    const pinned = after(command('pin', ['BTC']));
    const unknown = { ...context, markets: new Markets(() => null) };
    const { desired, reply } = apply(pinned, command('pin', ['BTC', 'ETH']), unknown);
    expect(desired.pinned).toEqual(['KRW-BTC']);
    expect(desired.codes).toEqual(['KRW-BTC']);
    expect(reply.errors.map(({ message }) => message)).toContain('ETH waits for the market list of upbit');
  });

  describe('pins of several collectors', () => {
    const as = (collector: string, living: readonly string[], more: Partial<Pinner> = {}): ApplyContext => ({
      ...context,
      pinner: {
        collector,
        place: collector.slice(0, 1),
        isLiving: (other) => living.includes(other),
        succeeds: (other) => !living.includes(other.collector) && other.place === collector.slice(0, 1),
        ...more,
      },
    });
    const pinBy = (desired: DesiredStream, by: ApplyContext, symbols: readonly string[]) =>
      apply(desired, command('pin', symbols), by).desired;
    const both = pinBy(pinBy(nothing, as('a1', ['a1']), ['KRW-BTC']), as('b1', ['a1', 'b1']), ['KRW-ETH']);

    test('one does not take away what another asks for, and each code is out of reach of commands', () => {
      expect(both).toMatchObject({ codes: ['KRW-BTC', 'KRW-ETH'], pinned: ['KRW-BTC', 'KRW-ETH'] });
      for (const code of ['KRW-BTC', 'KRW-ETH']) {
        const { reply } = apply(both, command('unsubscribe', [code]), as('b1', ['a1', 'b1']));
        expect(reply.reason).toBe('pinned_by_config');
      }
    });

    test('one that died protects nothing any more, and what it asked for runs on', () => {
      const alone = as('b1', ['b1']);
      expect(pinBy(both, alone, ['KRW-ETH'])).toBe(both);
      const { reply, desired } = apply(both, command('unsubscribe', ['KRW-BTC']), alone);
      expect(reply.outcome).toBe('accepted');
      expect(desired).toMatchObject({ codes: ['KRW-ETH'], configured: ['KRW-ETH'], pinned: ['KRW-ETH'] });
    });

    test('its successor with another configuration takes back what nobody else asks for', () => {
      const next = pinBy(both, as('a2', ['a2', 'b1']), ['KRW-XRP']);
      expect(next).toMatchObject({ codes: ['KRW-ETH', 'KRW-XRP'], pinned: ['KRW-ETH', 'KRW-XRP'] });
      expect(next.pins.map(({ collector }) => collector)).toEqual(['b1', 'a2']);
      const shared = pinBy(both, as('a2', ['a2', 'b1']), ['KRW-ETH']);
      expect(pinBy(shared, as('b2', ['a2', 'b2']), []).codes).toEqual(['KRW-ETH']);
    });

    test('a selector that only the configuration brought leaves with all that it brought', () => {
      const named = after(command('connect_and_subscribe', ['BTC']));
      const all = pinBy(named, as('a1', ['a1']), ['*']);
      expect(all).toMatchObject({ selector: '*', codes: LISTED });
      const grown = reselect(all, korean([...LISTED, 'KRW-NEW']), rules()).desired;
      expect(grown.codes).toContain('KRW-NEW');
      const gone = pinBy(grown, as('a1', ['a1']), []);
      expect(gone).toMatchObject({ selector: null, codes: ['KRW-BTC'], configured: [], pins: [] });
      const wanted = after(command('connect_and_subscribe', ['*']));
      const kept = pinBy(pinBy(wanted, as('a1', ['a1']), ['*']), as('a1', ['a1']), []);
      expect(kept).toMatchObject({ selector: '*', codes: LISTED });
    });
  });

  test('a pinned selector waits for its market list', () => {
    const pinned = apply(nothing, command('pin', ['*']), { ...context, markets: korean([]) }).desired;
    expect(pinned).toMatchObject({ selector: '*', pinned: ['*'], codes: [] });
    expect(reselect(pinned, korean(LISTED), rules()).desired.codes).toEqual(LISTED);
    expect(apply(pinned, command('unsubscribe', ['BTC']), context).reply.reason).toBe('pinned_by_config');
  });
});
