import { expect, test } from 'bun:test';
import { bitfinex } from '../../exchanges/bitfinex.ts';
import { upbit } from '../../exchanges/upbit.ts';
import type { LinkEnd } from '../../src/core/connection/link.ts';
import { verdict } from '../../src/core/connection/verdict.ts';

test('an exchange that shuts an address out for longer than usual after a 429 is left alone for as long', () => {
  const refused: LinkEnd = { cause: 'remote', status: 429, code: 1006, reason: '', retryAfterMs: null };
  expect(verdict(refused, upbit, 0, 0).waitMs).toBe(10_250);
  expect(verdict(refused, bitfinex, 0, 0).waitMs).toBe(60_250);
  expect(verdict({ ...refused, retryAfterMs: 90_000 }, bitfinex, 0, 0).waitMs).toBe(90_250);
});
