import { describe, expect, test } from 'bun:test';
import type { Subject } from '../fixtures.ts';

/** Most lines of code in a plug-in, comments aside: what is longer holds logic that belongs into shared code. */
const MAX_LINES = 335;

/** Parts of a plug-in in the order in which every file has them; those in brackets may be absent. */
const PARTS = [
  ...['id', 'name', 'region', 'docs', 'types', 'endpoint', 'hosts', 'encoding', 'limits', 'heartbeat'],
  ...[
    'confirms',
    'subscribing',
    '[repeatable]',
    'tradeIds',
    '[mergesFills]',
    'markets',
    '[orderbooks]',
    '[pastTrades]',
    '[restState]',
    '[ban]',
    'session',
  ],
];

/** All plug-ins are read the same way: same parts, same order, about the same length. */
export function sourceRules({ exchange, source }: Subject): void {
  describe(`${exchange.id}: the file`, () => {
    test('parts are in the common order', () => {
      const start = source.indexOf(`export const ${exchange.id}: Exchange = {\n`);
      expect(start).not.toBe(-1);
      const literal = source.slice(start, source.indexOf('\n};\n', start));
      const parts = [...literal.matchAll(/^ {2}(\w+)(?=[:(,])/gm)].map(([, part = '']) => part);
      const known = PARTS.map((part) => part.replace(/[[\]]/g, ''));
      expect(parts.filter((part) => !known.includes(part))).toEqual([]);
      expect(parts).toEqual(known.filter((part) => parts.includes(part)));
      for (const part of PARTS.filter((one) => !one.startsWith('['))) expect(parts).toContain(part);
    });

    test(`at most ${MAX_LINES} lines of code`, () => {
      const code = source.split('\n').filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line));
      expect(code.length).toBeGreaterThan(0);
      expect(code.length).toBeLessThanOrEqual(MAX_LINES);
    });

    test('each kind of row has its sample and its documentation above it', () => {
      for (const type of exchange.types) expect(source).toMatch(new RegExp(`function ${type}`));
      const links = new Set(source.match(/https:\/\/[^\s'"`)]+/g));
      expect(links.size).toBeGreaterThanOrEqual(2);
    });

    test('imports the core alone', () => {
      for (const [, from] of source.matchAll(/ from '([^']+)'/g))
        expect(from).toMatch(/\/src\/core\/.*\.ts$/);
    });
  });
}
