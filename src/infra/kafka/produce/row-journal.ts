import type { Clock } from '../../../common/clock.ts';
import { type Market, market } from '../../../core/market/market.ts';
import type { NotedRows, RowJournal } from '../../../core/ports.ts';
import type { Place, Stored } from '../../outbox/store.ts';
import { DATA_FAMILIES, topicName } from '../topics/topics.ts';
import type { Encodings } from './encodings.ts';
import type { Header } from './outgoing.ts';

/** Marks a record of the outbox that is no message: rows that wait for their batches. It is never sent as it is. */
const NOTED: readonly Header[] = [{ outbox: 'rows' }];

export function isNoted({ headers, key }: Pick<Stored, 'headers' | 'key'>): boolean {
  return key === null && headers.length === 1 && headers[0]?.outbox === 'rows';
}

/** What is said of a row that was noted beside the row. */
export interface NotedName {
  readonly market: Market;
  readonly fence: number | null;
  readonly correlationId: string | null;
}

const SEPARATOR = '\n';

/**
 * Rows that wait for their batches, written down in the codec of their topic: a batch of many codes, whose symbol holds what
 * each row is of.
 */
export function rowJournal(
  spool: { note(stored: Stored): Place | null; forget(place: Place): void },
  encodings: Encodings,
  clock: Clock,
): RowJournal {
  return {
    note({ exchange, region, requestType, rows, names }: NotedRows) {
      const family = DATA_FAMILIES[requestType];
      const encoding = encodings.get(family);
      if (!encoding) return null;
      const at = clock.micros();
      const all = { symbol: names.join(SEPARATOR), base: '', quote: '', code: '' };
      const batch = { exchange, region, requestType, market: all, rows, correlationId: null, fence: null };
      let value: Buffer;
      try {
        value = encoding.value(batch, rows, at);
      } catch {
        // The batch of it tells what is wrong with a row.
        return null;
      }
      const topic = topicName(family, region);
      return spool.note({
        ...{ topic, key: null, headers: NOTED, value, ticketId: '' },
        ...{ fence: null, rows: rows.length, at },
      });
    },
    forget: (mark) => spool.forget(mark),
  };
}

/** What was noted of each row. */
export function notedNames(symbol: string): NotedName[] {
  return symbol.split(SEPARATOR).map((name) => {
    const [native, base, quote, fence, correlationId] = JSON.parse(name) as [
      string,
      string,
      string,
      number | null,
      string | null,
    ];
    return { market: market(native, base, quote), fence, correlationId };
  });
}
