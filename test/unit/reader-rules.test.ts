import { describe, expect, test } from 'bun:test';
import { FenceRule, standingOf } from '../../src/core/reading/fence-rule.ts';
import { ReaderRules } from '../../src/core/reading/reader-rules.ts';
import { Seen } from '../../src/core/reading/seen.ts';
import { randomOf } from './random.ts';

const batch = (ids: readonly string[], symbol = 'KRW-BTC') => ({
  ...{ exchange: 'upbit', symbol, code: symbol, batch_size: ids.length },
  data: ids.map((trade_id) => ({ trade_id, price: 1 })),
});

describe('fences', () => {
  const keeps = (rule: FenceRule, at: string, headers: Record<string, string>) =>
    rule.keeps(at, standingOf(headers));

  test('a lower one than the highest of the key is dropped; none, and one of another key, is kept', () => {
    const rule = new FenceRule();
    expect(keeps(rule, 'a', { fence: '7' })).toBe(true);
    expect(keeps(rule, 'a', { fence: '9' })).toBe(true);
    expect(keeps(rule, 'a', { fence: '8' })).toBe(false);
    expect(keeps(rule, 'a', { fence: '9' })).toBe(true);
    expect(keeps(rule, 'b', { fence: '8' })).toBe(true);
    expect(keeps(rule, 'a', {})).toBe(true);
    expect(keeps(rule, 'a', { fence: 'x' })).toBe(true);
  });

  test('what is late is kept, and does not count as the highest', () => {
    const rule = new FenceRule();
    expect(keeps(rule, 'a', { fence: '7' })).toBe(true);
    expect(keeps(rule, 'a', { fence: '3', late: 'outbox' })).toBe(true);
    expect(keeps(rule, 'a', { fence: '99', late: 'backfill' })).toBe(true);
    expect(keeps(rule, 'a', { fence: '7' })).toBe(true);
  });
});

describe('repeats', () => {
  test('trades that came before are left out, and a message of nothing else', () => {
    const rules = new ReaderRules();
    const first = batch(['1', '2']);
    expect(rules.read('t k', {}, first)).toBe(first);
    expect(rules.read('t k', {}, batch(['2', '3']))).toEqual(batch(['3']));
    expect(rules.read('t k', {}, batch(['1', '3']))).toBeUndefined();
    expect(rules.read('t k', {}, batch(['1'], 'KRW-ETH'))).toEqual(batch(['1'], 'KRW-ETH'));
  });

  test('what is dropped for its fence counts as not read', () => {
    const rules = new ReaderRules();
    expect(rules.read('t k', { fence: '2' }, batch(['1']))).toEqual(batch(['1']));
    expect(rules.read('t k', { fence: '1' }, batch(['2']))).toBeUndefined();
    expect(rules.read('t k', { fence: '2' }, batch(['2']))).toEqual(batch(['2']));
  });

  test('tickers, events, tombstones and what is neither pass as they are', () => {
    const rules = new ReaderRules();
    const ticker = { exchange: 'upbit', symbol: 'KRW-BTC', data: [{ close: 1 }] };
    for (const value of [ticker, ticker, { kind: 'gap' }, null, { base64: '/wE=' }, 7])
      expect(rules.read('t k', {}, value)).toBe(value);
  });
});

test('names seen lately are known, by a model that forgets nothing; how many are kept is bounded', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = randomOf(seed);
    const keep = 1 + Math.floor(random() * 300);
    const seen = new Seen(keep);
    const order: string[] = [];
    for (let step = 0; step < 2000; step++) {
      const name =
        random() < 0.2
          ? crypto.randomUUID()
          : String(17_883_351_803_770_000n + BigInt(Math.floor(random() * 600)));
      const last = order.lastIndexOf(name);
      const since = new Set(order.slice(last + 1)).size;
      const isNew = seen.add(name);
      if (last < 0) expect(isNew).toBe(true);
      else if (since < keep) expect({ seed, keep, step, isNew }).toEqual({ seed, keep, step, isNew: false });
      else if (since > 2 * keep)
        expect({ seed, keep, step, isNew }).toEqual({ seed, keep, step, isNew: true });
      order.push(name);
    }
  }
});
