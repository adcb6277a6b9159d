import { expect, test } from 'bun:test';
import { bitfinex } from '../../exchanges/bitfinex.ts';
import { upbit } from '../../exchanges/upbit.ts';
import type { LinkEnd } from '../../src/core/connection/link-parts.ts';
import { verdict } from '../../src/core/connection/verdict.ts';

test('an exchange that shuts an address out for longer than usual after a 429 is left alone for as long', () => {
  const refused: LinkEnd = { cause: 'remote', status: 429, code: 1006, reason: '', retryAfterMs: null };
  expect(verdict(refused, upbit, 0, 0).waitMs).toBe(10_250);
  expect(verdict(refused, bitfinex, 0, 0).waitMs).toBe(60_250);
  expect(verdict({ ...refused, retryAfterMs: 90_000 }, bitfinex, 0, 0).waitMs).toBe(90_250);
});

const HOUR = 3_600_000;

test('nobody keeps us away for longer than an hour with one answer, whatever it asks for', () => {
  const end: LinkEnd = { cause: 'remote', status: 429, code: 1006, reason: '', retryAfterMs: null };
  for (const status of [418, 429, 403, 503])
    for (const retryAfterMs of [365 * 24 * HOUR, 2 ** 31, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      const { waitMs, ban } = verdict({ ...end, status, retryAfterMs }, upbit, 0, 0);
      expect([waitMs, ban?.forMs]).toEqual([HOUR + 250, HOUR + 250]);
    }
  const shut = { ...upbit, ban: () => ({ forMs: 30 * 24 * HOUR, reason: 'go away' }) };
  expect(verdict(end, shut, 0, 0)).toMatchObject({ waitMs: HOUR + 250, reason: 'go away' });
});

test('a wait that is no number, or below 0, is the shortest there is', () => {
  const end: LinkEnd = { cause: 'remote', status: 429, code: 1006, reason: '', retryAfterMs: null };
  for (const retryAfterMs of [Number.NaN, -1, Number.NEGATIVE_INFINITY])
    expect(verdict({ ...end, retryAfterMs }, upbit, 700, 0)).toMatchObject({
      waitMs: 700,
      ban: { forMs: 250 },
    });
});
