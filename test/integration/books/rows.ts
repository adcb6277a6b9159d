import { join } from 'node:path';
import { scanTopic } from '../../services/avro-consumer.ts';
import type { BookState } from '../../simulator/books/exchange-books.ts';

/** A row of an order book as it lies in Kafka, with the names of its batch; times are epoch microseconds. */
export interface BookRow {
  readonly exchange: string;
  readonly symbol: string;
  readonly code: string;
  readonly timestamp: number;
  readonly received_at: number;
  readonly stream_type: string;
  readonly type: 'SNAPSHOT' | 'DELTA';
  readonly sequence: number | null;
  readonly prev_sequence: number | null;
}

interface Batch {
  readonly exchange: string;
  readonly symbol: string;
  readonly code: string;
  readonly data: readonly BookRow[];
}

const REGIONS = ['korea', 'asia', 'na', 'eu'];
const MOMENTS = join(import.meta.dir, 'moments.py');

/** All rows of the topics of order books, each code's in its order. */
export async function bookRows(
  bootstrap: string,
  registry: string,
  topics: ReadonlySet<string>,
): Promise<BookRow[]> {
  const rows: BookRow[] = [];
  for (const topic of REGIONS.map((region) => `orderbook-data.${region}`)) {
    if (!topics.has(topic)) continue;
    await scanTopic<Batch>({ bootstrap, registry, topic }, ({ value }) => {
      if (value === null) return;
      const { exchange, symbol, code, data } = value;
      for (const row of data) rows.push({ ...row, exchange, symbol, code });
    });
  }
  return rows;
}

type Side = readonly (readonly [price: number, size: number])[];

export interface ReadBook {
  readonly bids: Side;
  readonly asks: Side;
  readonly sequence: number | null;
}

/** What the Python reader says; see moments.py. */
export interface Reading {
  readonly moments: readonly (ReadBook | null)[];
  readonly last: Readonly<Record<string, ReadBook | null>>;
  readonly verdicts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly first: Readonly<Record<string, number>>;
}

/** Lets the Python reader read rows. @param file where the moments may be written */
export async function readByPython(
  rows: readonly BookRow[],
  moments: readonly Pick<BookState, 'exchange' | 'symbol' | 'at'>[],
  file: string,
): Promise<Reading> {
  await Bun.write(file, JSON.stringify(moments));
  const child = Bun.spawn(['python3', MOMENTS, file], { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' });
  const said = Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  for (const row of rows) {
    child.stdin.write(`${JSON.stringify(row)}\n`);
  }
  await child.stdin.end();
  const [out, trouble, code] = await said;
  if (code !== 0) throw new Error(`the Python reader ended with ${code}: ${trouble.slice(-2000)}`);
  return JSON.parse(out) as Reading;
}

/** In which way a book that was read is not the exchange's; null where it is the same. */
export function difference(read: ReadBook | null | undefined, state: BookState): string | null {
  if (!read) return 'no whole book';
  const sides = [
    ['bids', read.bids, state.bids],
    ['asks', read.asks, state.asks],
  ] as const;
  for (const [name, own, theirs] of sides) {
    for (let i = 0; i < Math.max(own.length, theirs.length); i++) {
      const [a, b] = [own[i], theirs[i]];
      if (a?.[0] !== b?.[0] || a?.[1] !== b?.[1])
        return `${name}[${i}] is ${a}, not ${b}, of ${theirs.length}`;
    }
  }
  return null;
}
