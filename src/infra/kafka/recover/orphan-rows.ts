import type { Row } from '../../../core/market/rows.ts';
import type { Kept, Page, Place, Stored } from '../../outbox/store.ts';
import type { Encoding } from '../produce/encodings.ts';
import { isNoted, type NotedName, notedNames } from '../produce/row-journal.ts';

/** A row that was noted, and what is known of it. */
interface Noted {
  readonly topic: string;
  readonly exchange: string;
  readonly region: string;
  readonly requestType: string;
  readonly name: NotedName;
  readonly row: Row;
  readonly at: number;
  batched: boolean;
}

interface BatchValue {
  readonly exchange: string;
  readonly region: string;
  readonly request_type: string;
  readonly symbol: string;
  readonly data: readonly Row[];
}

export interface OrphanParts {
  readonly encodingOf: (topic: string) => Encoding | undefined;
  readonly read: (from: Place) => Promise<Page>;
  readonly nowMicros: () => number;
}

/**
 * Messages of rows that a former life had read and not batched yet when it ended. What it had noted is compared with the
 * batches that lie in the outbox: those that are gone from it were acknowledged, and their notes went before them.
 */
export async function orphanRows(notes: readonly Kept[], parts: OrphanParts): Promise<Stored[]> {
  const all = notes.flatMap((kept) => notedRows(kept.message, parts));
  const byRow = Map.groupBy(all, ({ topic, name, row }) => nameOf(topic, name.market.symbol, row));
  const first = notes[0]?.place;
  if (first === undefined) return [];
  for (let from: Place | null = first; from !== null; ) {
    const page: Page = await parts.read(from);
    for (const { message } of page.records) {
      if (message.rows === 0 || isNoted(message)) continue;
      const value = batchOf(message, parts);
      for (const row of value?.data ?? []) {
        const same = byRow.get(nameOf(message.topic, value?.symbol ?? '', row));
        const noted = same?.find(({ batched }) => !batched);
        if (noted) noted.batched = true;
      }
    }
    from = page.next;
  }
  const left = all.filter(({ batched }) => !batched);
  const byCode = Map.groupBy(left, ({ topic, exchange, name }) =>
    JSON.stringify([topic, exchange, name.market.symbol, name.fence]),
  );
  return [...byCode.values()].flatMap((rows) => messageOf(rows, parts));
}

function notedRows(stored: Stored, parts: OrphanParts): Noted[] {
  const value = batchOf(stored, parts);
  if (!value) return [];
  const names = notedNames(value.symbol);
  const { topic, at } = stored;
  return value.data.flatMap((row, i): Noted[] => {
    const name = names[i];
    if (!name) return [];
    const { exchange, region, request_type: requestType } = value;
    return [{ topic, exchange, region, requestType, name, row, at, batched: false }];
  });
}

/** Null where it was written by another codec, or schema. */
function batchOf({ topic, value }: Stored, { encodingOf }: OrphanParts): BatchValue | null {
  try {
    return (encodingOf(topic)?.codec.decode(value) ?? null) as BatchValue | null;
  } catch {
    return null;
  }
}

function nameOf(topic: string, symbol: string, row: Row): string {
  return `${topic} ${symbol} ${JSON.stringify(row)}`;
}

/** Rows of one code as one message. */
function messageOf(rows: readonly Noted[], { encodingOf, nowMicros }: OrphanParts): Stored[] {
  const [first] = rows;
  const encoding = first && encodingOf(first.topic);
  if (!first || !encoding) return [];
  const { topic, exchange, region, requestType, name, at } = first;
  const { symbol, base, quote, code } = name.market;
  const ticketId = crypto.randomUUID();
  const value = encoding.codec.encode({
    ...{ ticket_id: ticketId, exchange, region, request_type: requestType, symbol, base, quote, code },
    timestamp_ms: Math.floor(nowMicros() / 1000),
    batch_size: rows.length,
    data: encoding.again(rows.map(({ row }) => row)),
  });
  const headers = encoding.headers(name.correlationId, name.fence);
  const key = `${exchange}|${code}`;
  return [{ topic, key, headers, value, ticketId, fence: name.fence, rows: rows.length, at }];
}
