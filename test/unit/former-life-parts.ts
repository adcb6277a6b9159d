import { market } from '../../src/core/market/market.ts';
import type { Row } from '../../src/core/market/rows.ts';
import type { Bounds, IntervalReader, Kept as Part } from '../../src/infra/kafka/consume/interval-reader.ts';
import { encodings } from '../../src/infra/kafka/produce/encodings.ts';
import type { Stored } from '../../src/infra/outbox/store.ts';

export const TOPIC = 'trade-data.korea';
export const JSON_CODECS = encodings(null);
export const BTC = market('KRW-BTC', 'BTC', 'KRW');
export const ETH = market('KRW-ETH', 'ETH', 'KRW');

export function trade(of: typeof BTC, id: number): Row {
  const at = 1_790_000_000_000_000 + id * 1_000;
  return {
    ...{ kind: 'trade', market: of, timestamp: at, received_at: at + 5, stream_type: 'REALTIME' },
    ...{ trade_id: `${id}`, fills: 1, price: 1, volume: 1, amount: 1, side: 'BUY' },
  };
}

/** What `kafkaWriter` makes of rows. */
export function stored(of: typeof BTC, ids: readonly number[], fence: number | null = null): Stored {
  const encoding = JSON_CODECS.get('trade-data');
  if (!encoding) throw new Error('no encoding');
  const rows = ids.map((id) => trade(of, id));
  const batch = {
    ...({ exchange: 'upbit', region: 'korea', requestType: 'trade', market: of, rows } as const),
    ...{ correlationId: null, fence },
  };
  const value = encoding.value(batch, rows, 1_790_000_000_000_000);
  const { ticket_id: ticketId } = JSON.parse(value.toString()) as { ticket_id: string };
  const headers = encoding.headers(null, fence);
  return {
    topic: TOPIC,
    key: `upbit|${of.code}`,
    headers,
    value,
    ticketId,
    fence,
    rows: rows.length,
    at: 1_790_000_000_000_000,
  };
}

interface Record {
  readonly key: string;
  readonly value: Uint8Array;
  readonly headers: readonly object[];
  readonly timestamp: number;
}

/** A topic of one partition that grows when the test says. */
export class Topic implements IntervalReader {
  readonly records: Record[] = [];
  readonly asked: Bounds[] = [];
  closed = 0;
  onRead = (): void => {};
  async has() {
    return true;
  }
  async read(bounds: Bounds, take: Parameters<IntervalReader['read']>[1]): Promise<Part[]> {
    this.asked.push(bounds);
    const { from } = bounds;
    const first = Array.isArray(from) ? ((from as Part[])[0]?.end ?? 0) : 0;
    const end = this.records.length;
    for (const record of this.records.slice(first)) take({ ...record, partition: 0 } as never);
    this.onRead();
    return [{ partition: 0, first, end, cut: false }];
  }
  async close() {
    this.closed++;
  }
  has_(message: Stored, headers: readonly object[] = message.headers): void {
    this.records.push({
      key: message.key ?? '',
      value: message.value,
      headers,
      timestamp: message.at / 1000,
    });
  }
}
