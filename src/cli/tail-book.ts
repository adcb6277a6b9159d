import { type Clock, systemClock } from '../common/clock.ts';
import { EXIT, type ExitCode } from '../common/errors.ts';
import { KeptBook } from '../core/books/kept-book.ts';
import { bookRow } from '../core/market/book-row.ts';
import type { Level } from '../core/market/levels.ts';
import { market } from '../core/market/market.ts';
import type { Orderbook, StreamType } from '../core/market/rows.ts';
import { BookRule, isApplied } from '../core/reading/book-rule.ts';
import { ReaderRules } from '../core/reading/reader-rules.ts';
import type { ReadValue } from '../infra/avro/read-value.ts';
import type { TopicReader } from '../infra/kafka/consume/topic-reader.ts';
import { writeOut } from './stdout.ts';

/** A terminal is drawn at most so often, in ms. */
const DRAW_MS = 200;
const CLEAR = '\x1b[H\x1b[J';

/** A row as it lies in the topic. */
export type TopicRow = Omit<Orderbook, 'kind' | 'market' | 'bids' | 'asks'> & {
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
};

/** A message of `orderbook-data`, as far as a book needs it. */
export interface TopicBatch {
  readonly exchange: string;
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
  readonly code: string;
  readonly data: readonly TopicRow[];
}

/** The books of one code as the topic alone tells them, by the rules for readers. */
export class TopicBooks {
  readonly #books = new Map<string, RuledBook>();
  readonly #rules = new ReaderRules();

  /**
   * @param at topic and key
   * @returns the rows that were applied
   */
  read(at: string, headers: Readonly<Record<string, string>>, batch: TopicBatch): TopicRow[] {
    const kept = this.#rules.read(at, headers, batch) as
      | (TopicBatch & { readonly late?: string })
      | undefined;
    // A book that was to come before is not the book of now.
    if (kept === undefined || kept.late !== undefined) return [];
    const { exchange, symbol, base, quote, data } = kept;
    let of = this.#books.get(exchange);
    if (!of) {
      of = { rule: new BookRule(), book: new KeptBook(market(symbol, base, quote), 'plain') };
      this.#books.set(exchange, of);
    }
    const { rule, book } = of;
    return data.filter((row) => apply(rule, book, row));
  }

  /** What people see of them: the best levels, the spread, how far and how old each is. */
  text(depth: number, nowMicros: number): string {
    return [...this.#books]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([exchange, { book }]) => lines(exchange, book, depth, nowMicros))
      .join('\n');
  }
}

/** One code of one exchange, and what of it can be applied. */
interface RuledBook {
  readonly rule: BookRule;
  readonly book: KeptBook;
}

function apply(rule: BookRule, book: KeptBook, { bids, asks, ...row }: TopicRow): boolean {
  const link = rule.take(row);
  const applied = isApplied(link);
  book.whole = applied || (book.whole && link !== 'hole');
  if (!applied) return false;
  const sides = { bids: flat(bids), asks: flat(asks) };
  const stream_type = row.stream_type as StreamType;
  book.take(bookRow({ ...row, ...sides, stream_type, market: book.market }), null);
  return true;
}

function flat(levels: readonly Level[]): Float64Array {
  const out = new Float64Array(2 * levels.length);
  levels.forEach(({ price, size }, level) => {
    out[2 * level] = price;
    out[2 * level + 1] = size;
  });
  return out;
}

function lines(exchange: string, book: KeptBook, depth: number, nowMicros: number): string[] {
  const { market, levels, whole, sequence, timestamp } = book;
  const age = Math.max(0, (nowMicros - timestamp) / 1e6).toFixed(1);
  const title = `${exchange} ${market.code}`;
  if (!whole || !levels) return [`${title}: waits for a whole book`];
  const { bids, asks } = levels;
  const spread = asks.best - bids.best;
  const share = ((spread / ((asks.best + bids.best) / 2)) * 100).toPrecision(3);
  const apart = Number.isNaN(spread)
    ? 'one side is empty'
    : `spread ${Number(spread.toPrecision(12))} (${share} %)`;
  const rows = Array.from({ length: Math.min(depth, Math.max(bids.count, asks.count)) }, (_, nth) => {
    const cell = (value: number) => (Number.isNaN(value) ? '' : String(value));
    const bid = `${cell(bids.size(nth)).padStart(18)} ${cell(bids.price(nth)).padStart(14)}`;
    return `${bid} | ${cell(asks.price(nth)).padEnd(14)} ${cell(asks.size(nth))}`.trimEnd();
  });
  return [`${title}  ${apart}  sequence ${sequence ?? 'none'}  age ${age} s`, ...rows];
}

export interface BookView {
  readonly code: string;
  /** Null: every exchange that has the code. */
  readonly exchange: string | null;
  readonly depth: number;
  /** Messages after which it ends. */
  readonly count: number;
}

/** Shows a book as it changes: drawn over and over on a terminal, elsewhere once for every message. */
export async function printBook(
  reader: TopicReader,
  readValue: ReadValue,
  { code, exchange, depth, count }: BookView,
  clock: Clock = systemClock,
): Promise<ExitCode> {
  const books = new TopicBooks();
  const terminal = process.stdout.isTTY === true;
  let left = count;
  let drawnMs = Number.NEGATIVE_INFINITY;
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => {
      left = 0;
    });
  const draw = async (): Promise<void> => {
    drawnMs = clock.now();
    const text = books.text(depth, clock.micros());
    if (!(await writeOut(terminal ? `${CLEAR}${text}\n` : `${text}\n\n`))) left = 0;
  };
  try {
    while (left > 0) {
      for (const record of await reader.next()) {
        if (left <= 0) break;
        const [of, own] = (record.key === null ? '' : Buffer.from(record.key).toString()).split('|');
        if (own !== code || (exchange !== null && of !== exchange)) continue;
        left--;
        const at = `${record.topic} ${of}|${own}`;
        books.read(at, record.headers, (await readValue(record.value)) as unknown as TopicBatch);
        if (!terminal) await draw();
      }
      if (terminal && clock.now() - drawnMs >= DRAW_MS) await draw();
    }
    return EXIT.ok;
  } finally {
    await reader.close();
  }
}
