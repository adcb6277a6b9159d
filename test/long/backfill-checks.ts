import type { Message } from '../services/avro-consumer.ts';
import type { Entry } from '../simulator/ledger.ts';

/** From one moment to another, epoch ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Rows in a message, and when they came. */
export interface TimedBatch {
  readonly data: readonly { readonly received_at: number; readonly stream_type?: string }[];
}

/** How long rows that sockets brought within these times took to Kafka, in ms, the shortest first. */
export function liveWaits(
  messages: readonly Pick<Message<TimedBatch>, 'headers' | 'value' | 'timestamp'>[],
  spans: readonly Span[],
): number[] {
  const within = (ms: number): boolean => spans.some(({ from, to }) => from <= ms && ms <= to);
  return messages
    .filter(({ headers }) => headers.late === undefined)
    .flatMap(({ value, timestamp }) =>
      (value?.data ?? []).flatMap(({ received_at, stream_type }) => {
        const received = received_at / 1000;
        return stream_type === 'REALTIME' && within(received) ? [timestamp - received] : [];
      }),
    )
    .toSorted((one, other) => one - other);
}

/** A part of sorted numbers lies below it; NaN of none. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN;
}

/** A request that is answered so soon after a ban was under way when that was answered: several are, of several codes. */
const UNDER_WAY_MS = 2000;

/**
 * Requests that an exchange got although it had banned the address, by the times at which it answered them.
 * @param forMs how long each ban holds
 * @returns with the number of bans
 */
export function askedWhileBanned(
  entries: readonly Entry[],
  exchange: string,
  forMs: number,
): { bans: number; asked: string[] } {
  let since = Number.NEGATIVE_INFINITY;
  let until = Number.NEGATIVE_INFINITY;
  let bans = 0;
  const asked: string[] = [];
  for (const entry of entries) {
    if (entry.exchange !== exchange || entry.what !== 'rest') continue;
    if (entry.at > since + UNDER_WAY_MS && entry.at < until)
      asked.push(`${entry.path} ${Math.round(until - entry.at)} ms too soon`);
    if (entry.status !== 418) continue;
    bans++;
    since = entry.at;
    until = since + forMs;
  }
  return { bans, asked };
}
