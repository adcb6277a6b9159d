import { openSession } from '../../src/core/books/open-session.ts';
import type { BookStart, Emit, Event, Exchange, Orderbooks, Session } from '../../src/core/exchange.ts';
import { bookRow } from '../../src/core/market/book-row.ts';
import { bestFirst, plainLevels } from '../../src/core/market/levels.ts';
import type { Market } from '../../src/core/market/market.ts';
import { Markets } from '../../src/core/market/markets.ts';
import type { Orderbook } from '../../src/core/market/rows.ts';
import { coin, fakeExchange } from './connection-parts.ts';

/** A frame of the exchange as simple as can be: {"ack":[…]} | {"book":symbol,…} | {"sum":symbol,"value":…} | {"lost":1}. */
export interface BookFrame {
  readonly book: string;
  readonly whole?: boolean;
  readonly bids?: readonly (readonly [number, number])[];
  readonly asks?: readonly (readonly [number, number])[];
  readonly seq?: number | null;
  readonly prev?: number | null;
  readonly depth?: number;
  readonly sum?: number;
  readonly at?: number;
}

/** Its checksum: the sum of the two best prices. */
export const SUM: NonNullable<Orderbooks['checksum']> = {
  marks: false,
  of: ({ bids, asks }) => (bids.best || 0) + (asks.best || 0),
};

export function bookExchange(
  start: BookStart,
  rules: Partial<Orderbooks> = {},
  over: Partial<Exchange> = {},
): Exchange {
  const plain = fakeExchange(over);
  return {
    ...plain,
    types: ['orderbook'],
    orderbooks: {
      choices: ['book'],
      start: () => start,
      crossedMs: null,
      ...(start === 'fetched'
        ? {
            rest: { url: (symbol) => `https://fake.invalid/${symbol}`, weight: 50, frame: (_, body) => body },
          }
        : {}),
      ...rules,
    },
    session: (type, markets) => ({
      ...plain.session(type, markets),
      askBook: ({ symbol }) => [JSON.stringify({ req: symbol })],
      read: (text, receivedAt, emit) => readBook(text, receivedAt, emit),
    }),
  };
}

/** One symbol is one market, as `Markets` has it. */
const MARKETS = new Map<string, Market>();
function marketOf(symbol: string): Market {
  const known = MARKETS.get(symbol) ?? coin(symbol);
  MARKETS.set(symbol, known);
  return known;
}

function readBook(text: string, receivedAt: number, emit: Emit): void {
  const frame = JSON.parse(text);
  if (frame.ack) return emit({ kind: 'ack', symbols: frame.ack });
  if (frame.lost) return emit({ kind: 'broken', symbol: null, cause: 'sequence' });
  if (frame.sum !== undefined && frame.value !== undefined)
    return emit({ kind: 'checksum', symbol: frame.sum, value: frame.value });
  if (frame.book === undefined) return emit({ kind: 'alive' });
  const {
    book,
    whole = false,
    bids = [],
    asks = [],
    seq = null,
    prev = null,
    depth,
    sum,
    at,
  } = frame as BookFrame;
  const row = bookRow({
    market: marketOf(book),
    timestamp: at ?? receivedAt,
    received_at: receivedAt,
    stream_type: whole ? 'SNAPSHOT' : 'REALTIME',
    type: whole ? 'SNAPSHOT' : 'DELTA',
    bids: bestFirst(Float64Array.from(bids.flat()), 'bids'),
    asks: bestFirst(Float64Array.from(asks.flat()), 'asks'),
    sequence: seq,
    prev_sequence: whole ? null : prev,
    depth: depth ?? null,
    checksum: sum ?? null,
  });
  emit(sum === undefined ? row : { kind: 'checked', row, marks: null });
}

/** A session of books, and what it said. */
export interface BookRig {
  readonly session: Session;
  readonly events: Event[];
  /** Of the rows: `S5` a snapshot to sequence 5, `D6` a change, `K6` a keyframe; a checksum that does not fit has `!`. */
  rows(): string[];
  /** Of the books: `+A` whole, `-A checksum` broken, `?A` another one is needed. */
  books(): string[];
  read(frame: object, receivedAt?: number): void;
}

export function bookRig(
  start: BookStart,
  rules: Partial<Orderbooks> = {},
  { keyframeMs = 0, recorded = false } = {},
): BookRig {
  const session = openSession(bookExchange(start, rules), 'orderbook', new Markets(() => null), {
    keyframeMs,
    recorded,
  });
  const events: Event[] = [];
  return {
    session,
    events,
    rows: () => events.filter((event) => event.kind === 'orderbook').map(spell),
    books: () => events.flatMap((event) => (event.kind === 'book' ? bookWord(event) : [])),
    read: (frame, receivedAt = 1_790_000_000_000_000) =>
      session.read(JSON.stringify(frame), receivedAt, (event) => events.push(event)),
  };
}

function spell({ type, stream_type, sequence, checksum_ok }: Orderbook): string {
  const letter = stream_type === 'KEYFRAME' ? 'K' : type === 'SNAPSHOT' ? 'S' : 'D';
  return `${letter}${sequence ?? ''}${checksum_ok === false ? '!' : ''}`;
}

function bookWord(event: Extract<Event, { kind: 'book' }>): string {
  if (event.whole) return `+${event.symbol}`;
  return event.cause ? `-${event.symbol} ${event.cause}` : `?${event.symbol}`;
}

/** Both sides of a row as pairs. */
export function sidesOf({ bids, asks }: Orderbook): { bids: number[][]; asks: number[][] } {
  const pairs = (levels: Orderbook['bids']) => plainLevels(levels).map(({ price, size }) => [price, size]);
  return { bids: pairs(bids), asks: pairs(asks) };
}
