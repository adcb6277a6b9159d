import { heapStats } from 'bun:jsc';
import { expect, test } from 'bun:test';
import { Audit } from '../../src/core/audit/audit.ts';
import { IDS, START } from './audit-parts.ts';

const ROWS = 1_000_000;
const A_MESSAGE = 10;
const CODES = 8;
const MIB = 1024 * 1024;

function heap(): number {
  Bun.gc(true);
  return heapStats().heapSize + heapStats().extraMemorySize;
}

test('the memory of an audit does not grow with the rows', () => {
  const audit = new Audit({ from: null, to: null, tradeIds: (id) => IDS[id] ?? null, types: ['trade'] });
  const exchanges = Object.keys(IDS);
  const at: number[] = [];
  for (let row = 0, nth = 0; row < ROWS; row += A_MESSAGE, nth++) {
    const exchange = exchanges[nth % exchanges.length] ?? '';
    const code = `USDT-${Math.floor(nth / exchanges.length) % CODES}`;
    const first = Math.floor(nth / exchanges.length / CODES) * A_MESSAGE;
    const data = Array.from({ length: A_MESSAGE }, (_, k) => ({
      ...{ timestamp: START + row + k, received_at: START + row + k + 40_000, stream_type: 'REALTIME' },
      trade_id: String(17_883_351_803 + first + k),
    }));
    const identity = { exchange, region: 'asia', request_type: 'trade', symbol: code, code };
    audit.data(`t ${exchange}|${code}`, { fence: '7' }, { ...identity, ticket_id: `ticket ${nth}`, data });
    if (row % (ROWS / 5) === 0) at.push(heap());
  }
  at.push(heap());
  const report = audit.report();
  expect(report).toMatchObject({ rows: ROWS, messages: ROWS / A_MESSAGE, unexplained: 0 });
  // By a fifth of the rows everything that is kept of each code is there; the strings of the ids alone would be 30 MiB more.
  const [, settled = 0] = at;
  expect(Math.max(...at.slice(2)) - settled).toBeLessThan(24 * MIB);
  expect(at.at(-1)).toBeLessThan(settled + 12 * MIB);
}, 120_000);
