import { describe, expect, test } from 'bun:test';
import { WeightBudget } from '../../../src/core/connection/weight-budget.ts';
import type { Market, Micros } from '../../../src/core/market/market.ts';
import { market } from '../../../src/core/market/market.ts';
import type { Neighbour, PastTrades, TradeHole, TradePage } from '../../../src/core/past-trades.ts';
import { seededRandom } from '../../simulator/random.ts';
import { type Answered, holeOf, pageOf, told } from '../answers.ts';
import { eventsOf, isRow, type Subject, sessionFor } from '../fixtures.ts';
import { mutantOf } from '../mutate.ts';
import { wrongType } from '../row-types.ts';

const MUTANTS = 300;
const NOW = 1_790_134_800_000_123;

/** Trades of the past, of exchanges that have them: what is asked, what is read, and where the way goes on. */
export function pastTradeRules(subject: Subject): void {
  const { exchange, answers } = subject;
  const past = exchange.pastTrades;
  if (!past) return;
  const hosts = new Set(exchange.markets.urls.map((url) => new URL(url).host));

  describe(`${exchange.id}: trades of the past`, () => {
    test.each(answers.map((line, at) => [at + 1, titleOf(line), line] as const))(
      'line %i: %s',
      (_at, _title, line) => {
        const hole = holeOf(exchange, line);
        if (!line.behind) expect(past.first(hole, line.now)).toBe(line.url);
        const page = pageOf(exchange, past, line);
        expect(told(page, exchange)).toEqual(line.expect);
        if (!('refused' in page)) expect(past.next(hole, page, line.url, line.now)).toBe(line.next ?? null);
      },
    );

    test('a trade of the socket is the same over REST', () => {
      const told = answers.filter(({ frames = [] }) => frames.length > 0);
      expect(told).not.toBeEmpty();
      for (const line of told) expect(sameRows(subject, past, line)).toEqual({ different: [] });
    });

    test('answers that refuse: for now and for ever, no JSON, cut off; an empty one; a trap or two', () => {
      const refused = answers.flatMap(({ expect }) => ('refused' in expect ? [expect] : []));
      expect(new Set(refused.map(({ again }) => again))).toEqual(new Set(['later', 'never']));
      expect(refused.some((one) => one.refused.includes('<html>'))).toBe(true);
      expect(answers.some(({ body, expect }) => 'refused' in expect && /^[[{].*[^\]}]$/s.test(body))).toBe(
        true,
      );
      expect(answers.some((line) => 'rows' in line.expect && line.expect.rows.length === 0)).toBe(true);
      expect(answers.filter(({ trap }) => trap !== undefined).length).toBeGreaterThanOrEqual(2);
    });

    test(`${MUTANTS} mutants of these answers: no throw, no row of a wrong type, no strange address`, () => {
      const random = seededRandom(20_261_129);
      const bodies = answers.filter((line) => isJson(line.body));
      for (let i = 0; i < MUTANTS; i++) {
        const line = bodies[i % bodies.length] as Answered;
        const { what, text } = mutantOf(line.body, random);
        const hole = holeOf(exchange, line);
        const page = pageOf(exchange, past, { ...line, body: text });
        expect({ what, text, fault: faultOf(page, line.received_at) }).toEqual({ what, text, fault: null });
        if ('refused' in page) continue;
        const next = past.next(hole, page, line.url, line.now);
        if (next !== null)
          expect({ what, text, strange: strange(next, hosts) }).toMatchObject({ strange: null });
      }
    });

    test('what is no answer at all', () => {
      for (const body of NO_ANSWERS) {
        const page = past.read(body, exampleOf(answers, exchange.markets.split), NOW);
        expect({ body, fault: faultOf(page, NOW), rows: rowsOf(page) }).toEqual({
          body,
          fault: null,
          rows: 0,
        });
      }
    });

    test('addresses are encrypted, of the host of the market list, and say nothing that a symbol says', () => {
      const example = exampleOf(answers, exchange.markets.split);
      for (const symbol of [example.symbol, 'A&B=C/D#E?F-G H_I:"\\', '币安人生USDT'])
        for (const hole of holes({ ...example, symbol })) {
          const url = past.first(hole, NOW);
          expect({ url, strange: strange(url, hosts) }).toEqual({ url, strange: null });
        }
      const names = (symbol: string) =>
        holes({ ...example, symbol }).map((hole) => {
          const { pathname, searchParams } = new URL(past.first(hole, NOW));
          return [pathname.split('/').length, ...searchParams.keys()];
        });
      expect(names('A&B=C-D#E?F')).toEqual(names(example.symbol.toUpperCase().replace(/./g, 'A')));
    });

    test('the figures are possible', () => {
      const { rest } = exchange.limits;
      expect(rest).not.toBeEmpty();
      expect(past.weight).toBeGreaterThan(0);
      const weights = [past.weight, exchange.markets.weight ?? 1, exchange.orderbooks?.rest?.weight ?? 1];
      for (const { count } of rest ?? [])
        for (const weight of weights) expect(weight).toBeLessThanOrEqual(count);
      // A start waits for the market list.
      expect(new WeightBudget(rest ?? []).delay(0, exchange.markets.weight ?? 1)).toBe(0);
      for (const far of Object.values(past.reach ?? {}))
        expect(Number.isSafeInteger(far) && far > 0).toBe(true);
      // Ids of another space prove nothing.
      if (past.otherIds) expect(past.proof).toBe('time');
    });
  });
}

/** The same trade over both: all is the same but for times that REST cuts to ms, and ids where they are other ones. */
function sameRows({ exchange }: Subject, past: PastTrades, line: Answered): { different: unknown[] } {
  const session = sessionFor(exchange, {
    type: 'trade',
    frame: '',
    received_at: NOW,
    symbols: [line.hole.symbol],
    expect: [],
  });
  const live = (line.frames ?? []).flatMap((frame) => eventsOf(session, frame, NOW).filter(isRow));
  const page = pageOf(exchange, past, line);
  const told = 'refused' in page ? [] : page.trades;
  const different = told.flatMap((trade, at): unknown[] => {
    const { received_at: _, stream_type: __, trade_id, timestamp, ...rest } = trade;
    const other = live[at];
    if (other?.kind !== 'trade') return [{ trade, other }];
    const wanted = past.otherIds ? trade_id : other.trade_id;
    const cut = timestamp % 1000 === 0 ? Math.floor(other.timestamp / 1000) * 1000 : other.timestamp;
    const same = Object.entries(rest).every(([key, value]) =>
      Bun.deepEquals(other[key as keyof typeof rest], value),
    );
    return same && trade_id === wanted && timestamp === cut ? [] : [{ trade, other }];
  });
  return { different: told.length === live.length && told.length > 0 ? different : [told, live] };
}

/** What of a page is not of its type; null where all is. */
function faultOf(page: TradePage, receivedAt: Micros): string | null {
  if ('refused' in page) {
    const sound = page.refused !== '' && page.refused.length <= 1000 && /^(later|never)$/.test(page.again);
    return sound ? null : 'a refusal without words';
  }
  const { cursor, rejected, trades } = page;
  if (cursor !== null && (typeof cursor !== 'string' || cursor === '')) return `cursor ${cursor}`;
  for (const { reason, row } of rejected)
    if (typeof reason !== 'string' || reason === '' || !Number.isSafeInteger(row))
      return 'a reject of nothing';
  for (const trade of trades) {
    const wrong = wrongType(trade, receivedAt, ['BACKFILL']);
    if (wrong !== null) return wrong;
  }
  return null;
}

function strange(url: string, hosts: ReadonlySet<string>): string | null {
  const { protocol, host } = new URL(url);
  if (protocol !== 'https:' || !hosts.has(host)) return `${protocol}//${host}`;
  return /NaN|null|undefined|Infinity|e\+/.test(url) ? url : null;
}

function rowsOf(page: TradePage): number {
  return 'refused' in page ? 0 : page.trades.length;
}

/** A hole between two trades, and with one of them, the other, or none known. */
function holes(of: Market): TradeHole[] {
  const beside = (trade_id: string, timestamp: Micros): Neighbour => {
    return { trade_id, timestamp, fills: 1, price: 2, volume: 3, side: 'SELL' };
  };
  const before = beside('1000', NOW - 60_000_000);
  const after = beside('1005', NOW - 30_000_000);
  const [from, to] = [before.timestamp, after.timestamp];
  const ends = [
    [before, after],
    [null, after],
    [before, null],
    [null, null],
  ] as const;
  return ends.map(([first, last]) => ({ market: of, before: first, after: last, from, to }));
}

function exampleOf(
  answers: readonly Answered[],
  split: (symbol: string) => Market | { base: string; quote: string } | null,
) {
  const symbol = answers[0]?.hole.symbol ?? '';
  const pair = split(symbol);
  return market(symbol, pair?.base ?? '', pair?.quote ?? '');
}

const NO_ANSWERS = [
  ...['', ' ', '\u0000', '\ufffd', 'null', 'true', '0', '"x"', '[]', '[[]]', '[null]', '{}', '{"data":null}'],
  ...[
    '<html><body>502 Bad Gateway</body></html>',
    'Too Many Requests',
    '{"',
    '[{',
    '{"__proto__":[]}',
    '[{}]',
  ],
  ...['{"result":{}}', '{"result":{"list":[{}]}}', '{"data":[[{}]]}', '{"status":"ok","data":[{"data":{}}]}'],
  ...[
    '{"error":null}',
    '{"error":[{}]}',
    '{"error":{"name":{"toString":1}}}',
    `[${'['.repeat(5000)}${']'.repeat(5000)}]`,
  ],
  `[${'{},'.repeat(50_000)}{}]`,
  'x'.repeat(5_000_000),
];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function titleOf({ trap, expect, hole, body }: Answered): string {
  return trap ?? ('refused' in expect ? `refused, ${expect.again}: ${body.slice(0, 60)}` : hole.symbol);
}
