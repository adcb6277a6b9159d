import { expect, setDefaultTimeout, test } from 'bun:test';
import { join } from 'node:path';
import { type TopicBatch, TopicBooks } from '../../src/cli/tail-book.ts';
import { Audit, type DataValue } from '../../src/core/audit/audit.ts';
import { ReaderRules } from '../../src/core/reading/reader-rules.ts';
import { randomOf } from '../unit/random.ts';

// Python takes its time on a busy machine.
setDefaultTimeout(60_000);

/** The README's rules for readers, in the three that keep them: `tail`, the recipe in Python, `audit`. */

interface Message {
  readonly at: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: DataValue & { readonly base: string; readonly quote: string };
}

/** Rows bear a number of their own, `n`, which no rule looks at. */
interface Numbered {
  readonly n: number;
}

const T0 = 1_790_000_000_000_000;
const MS = 1000;
const TYPES = ['ticker', 'trade', 'orderbook'] as const;
const EXCHANGES = ['numbered', 'unnumbered'];

/** A stream with changes of hands, stragglers, late messages, repeats, books with holes, resets and keyframes. */
function streamOf(seed: number, count: number): Message[] {
  const random = randomOf(seed);
  const chance = (part: number): boolean => random() < part;
  const upTo = (most: number): number => Math.floor(random() * most);
  const out: Message[] = [];
  const fences = new Map<string, number>();
  const ids = new Map<string, number>();
  const books = new Map<string, number>();
  let n = 0;
  let ticket = 0;

  function trades(at: string): object[] {
    return Array.from({ length: 1 + upTo(4) }, () => {
      const next = (ids.get(at) ?? 1000) + 1;
      // Now and then one that was there before.
      const id = chance(0.15) ? Math.max(1001, next - 1 - upTo(30)) : next;
      if (id === next) ids.set(at, next);
      return { ...timesOf(id), trade_id: String(id), price: 1, volume: 1 };
    });
  }

  function changes(at: string): object[] {
    return Array.from({ length: 1 + upTo(3) }, () => {
      const before = books.get(at) ?? 0;
      const levels = { bids: [{ price: 1 + upTo(5), size: upTo(3) }], asks: [], depth: null };
      const row = (
        type: string,
        sequence: number | null,
        prev_sequence: number | null,
        stream_type = 'REALTIME',
      ) => {
        if (sequence !== null) books.set(at, sequence);
        return {
          ...timesOf(n),
          ...levels,
          type,
          sequence,
          prev_sequence,
          stream_type,
          checksum: null,
          checksum_ok: null,
        };
      };
      if (chance(0.15)) return row('SNAPSHOT', before + upTo(5), null, chance(0.5) ? 'KEYFRAME' : 'SNAPSHOT');
      if (chance(0.1))
        return { ...row('DELTA', before, null), sequence: before - upTo(5), prev_sequence: before - 6 };
      if (chance(0.1)) return row('DELTA', before + 9, before + 5);
      if (chance(0.05)) return row('DELTA', before - 3, before);
      if (chance(0.1)) return row('DELTA', before + 1, null);
      return row('DELTA', before + 2, before);
    });
  }

  function timesOf(step: number) {
    return { timestamp: T0 + step * MS, received_at: T0 + step * MS + 500, stream_type: 'REALTIME' };
  }

  for (let made = 0; made < count; made++) {
    const type = TYPES[upTo(3)] ?? 'trade';
    const exchange = EXCHANGES[upTo(2)] ?? '';
    const symbol = `S${upTo(2)}`;
    const at = `${type}-data.korea ${exchange}|KRW-${symbol}`;
    const fence = (fences.get(at) ?? 10) + (chance(0.05) ? 1 : 0);
    fences.set(at, fence);
    const make = {
      ticker: () => [{ ...timesOf(made), close: 1 }],
      trade: () => trades(at),
      orderbook: () => changes(at),
    };
    const late = chance(0.1) ? (chance(0.5) ? 'outbox' : 'backfill') : null;
    const told = chance(0.1) ? fence - 1 - upTo(3) : late !== null && chance(0.5) ? fence + 50 : fence;
    const headers: Record<string, string> = chance(0.1) ? {} : { fence: String(told) };
    const identity = { exchange, region: 'korea', request_type: type, symbol, base: symbol, quote: 'KRW' };
    const data = make[type]().map((row) => ({ ...row, n: n++ }) as unknown as DataValue['data'][number]);
    out.push({
      ...{ at, headers: late === null ? headers : { ...headers, late } },
      value: { ...identity, code: `KRW-${symbol}`, ticket_id: `t${ticket++}`, data },
    });
    // A trade message that is there twice, as it was or packed anew.
    if (type === 'trade' && chance(0.1)) {
      const [last] = out.slice(-1) as [Message];
      out.push(chance(0.5) ? last : { ...last, value: { ...last.value, ticket_id: `t${ticket++}` } });
    }
  }
  return out;
}

type Kept = readonly (readonly [n: number, note: string | null])[];

/** What `tail` prints: rows with their mark; of books those that `tail --book` applies. */
function byTail(messages: readonly Message[]): Kept[] {
  const rules = new ReaderRules();
  const books = new Map<string, TopicBooks>();
  return messages.map(({ at, headers, value }) => {
    if (value.request_type === 'orderbook') {
      const own = books.get(at) ?? new TopicBooks();
      books.set(at, own);
      const applied = own.read(at, headers, value as unknown as TopicBatch) as unknown as Numbered[];
      return applied.map(({ n }) => [n, 'applied'] as const);
    }
    const kept = rules.read(at, headers, value) as (DataValue & { readonly late?: string }) | undefined;
    const rows = (kept?.data ?? []) as unknown as Numbered[];
    return rows.map(({ n }) => [n, kept?.late ?? null] as const);
  });
}

function byRecipe(messages: readonly Message[]): Kept[] {
  const lines = messages.map(({ at, headers, value }) => JSON.stringify([at, headers, value]));
  const { stdout, stderr, exitCode } = Bun.spawnSync(
    ['python3', join(import.meta.dir, 'recipes', 'keeps.py')],
    {
      stdin: Buffer.from(`${lines.join('\n')}\n`),
    },
  );
  expect({ exitCode, said: stderr.toString() }).toEqual({ exitCode: 0, said: '' });
  const read = stdout.toString().trim().split('\n');
  return read.map((line) => JSON.parse(line) as Kept);
}

/** Rows of messages that are there twice as they were. */
function againOf(messages: readonly Message[]): number {
  const tickets = new Set<string>();
  return messages
    .filter(({ value }) => tickets.size === tickets.add(value.ticket_id).size)
    .reduce((sum, { value }) => sum + value.data.length, 0);
}

/** Of each message how many rows the audit counts as read for the first time, and the holes of books. */
function byAudit(messages: readonly Message[]): {
  readonly kept: number[];
  readonly late: number;
  readonly holes: number;
} {
  const tradeIds = (id: string) => (id === 'numbered' ? 'consecutive' : 'unordered');
  const audit = new Audit({ from: null, to: null, types: TYPES, tradeIds });
  let before = 0;
  const kept = messages.map(({ at, headers, value }) => {
    audit.data(at, headers, value);
    const now = [...audit.codes.values()].reduce((sum, one) => sum + one.rows - one.repeats, 0);
    // Rows that are dropped for their fence are not among these.
    const count = now - before;
    before = now;
    return count;
  });
  const codes = [...audit.codes.values()];
  return {
    kept,
    late: codes.reduce((sum, { late }) => sum + late, 0),
    holes: codes.reduce((sum, { links }) => sum + links, 0),
  };
}

test('tail, the recipe and audit keep the same rows of one stream, and mark the same as late', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const messages = streamOf(seed, 1500);
    const isBook = ({ value }: Message): boolean => value.request_type === 'orderbook';
    const tail = byTail(messages);
    const recipe = byRecipe(messages);
    const audit = byAudit(messages);
    expect(recipe.length).toBe(messages.length);
    const applied = recipe.map((rows, nth) =>
      isBook(messages[nth] as Message) ? rows.filter(([, verdict]) => verdict === 'applied') : rows,
    );
    expect({ seed, rows: tail }).toEqual({ seed, rows: applied });
    messages.forEach((message, nth) => {
      const rows = recipe[nth]?.length ?? 0;
      expect({ seed, nth, rows: audit.kept[nth] }).toEqual({ seed, nth, rows });
      const marks = tail[nth]?.filter(([, mark]) => mark !== null && mark !== 'applied') ?? [];
      if (!isBook(message)) expect(marks.length).toBe('late' in message.headers ? rows : 0);
    });
    // What the stream is made of.
    const verdicts = new Set(recipe.flat().map(([, verdict]) => verdict));
    for (const verdict of ['applied', 'past', 'hole', 'waits', 'late', 'outbox', 'backfill'])
      expect(verdicts).toContain(verdict);
    expect(recipe.some((rows, nth) => rows.length < (messages[nth]?.value.data.length ?? 0))).toBe(true);
    // Repeats among what is late count as such.
    const late = messages.filter(({ headers }) => 'late' in headers);
    expect(audit.late).toBe(late.reduce((sum, { value }) => sum + value.data.length, 0) - againOf(late));
    // A whole book of our own that is ahead of what was read is one for the audit too.
    const holes = recipe.flat().filter(([, verdict]) => verdict === 'hole').length;
    expect(audit.holes).toBeGreaterThanOrEqual(holes);
  }
});
