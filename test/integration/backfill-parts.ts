import { type Message, readTopic } from '../services/avro-consumer.ts';
import { freePort } from '../services/ports.ts';
import { comparePast, type ReadTrade } from '../simulator/compare.ts';
import type { PastTrade } from '../simulator/rest/service.ts';
import type { Simulator } from '../simulator/simulator.ts';
import { isCounted, isOnRecord, leftIn } from './backfill-left.ts';
import type { Running } from './leases-parts.ts';
import { byFence } from './leases-parts.ts';
import { start } from './program.ts';
import type { TradeBatch } from './spine-parts.ts';

export interface FillTold {
  readonly state: string;
  readonly proof: string;
  readonly rows: number;
  readonly codes: readonly { readonly code: string; readonly rows: number; readonly state: string }[];
  readonly reason: string | null;
}

export interface GapTold {
  readonly gap_id: string;
  readonly from: number;
  readonly to: number | null;
  readonly cause: string;
  readonly codes: readonly string[];
  readonly first_missing_id: string | null;
  readonly last_missing_id: string | null;
  readonly fill: FillTold | null;
}

/** A record of `ws.event`, as far as it tells of a gap. */
export interface GapEvent {
  readonly target: { readonly exchange: string; readonly request_type: string } | null;
  readonly gap: GapTold | null;
  readonly detail: { readonly rest_of?: string } | null;
}

/** Many clients that start at once on a busy machine take their time. */
export const READ_WITHIN_MS = 120_000;

export async function readEvents(bootstrap: string): Promise<GapEvent[]> {
  const events = await readTopic<GapEvent>({ bootstrap, topic: 'ws.event', timeoutMs: READ_WITHIN_MS });
  return events.flatMap(({ value }) => (value ? [value] : []));
}

/** Every gap record of the trades of an exchange, in their order; without those of what is left of another. */
export function gapsIn(events: readonly GapEvent[], exchange: string): GapTold[] {
  return events.flatMap(({ gap, detail, target }) =>
    gap && detail?.rest_of === undefined && target?.exchange === exchange && target.request_type === 'trade'
      ? [gap]
      : [],
  );
}

export async function gapsOf(bootstrap: string, exchange: string): Promise<GapTold[]> {
  return gapsIn(await readEvents(bootstrap), exchange);
}

/** Codes of gaps that were told as over, and of which nobody has said what became of them. */
export function unfilled(gaps: readonly GapTold[]): string[] {
  const name = ({ gap_id, from }: GapTold, code: string): string => `${gap_id} ${from} ${code}`;
  const filled = new Set(gaps.flatMap((gap) => (gap.fill ? gap.codes.map((code) => name(gap, code)) : [])));
  return gaps.flatMap((gap) =>
    gap.to === null || gap.fill
      ? []
      : gap.codes.flatMap((code) => (filled.has(name(gap, code)) ? [] : [`${gap.cause} ${code}`])),
  );
}

export interface PastVerdict {
  readonly missing: string[];
  /** Missing, and no gap says so. */
  readonly untold: string[];
  /** There, and within ids that are on record as missing. */
  readonly overtold: string[];
  readonly repeated: string[];
  readonly foreign: string[];
  readonly altered: string[];
  /** Rows that were fetched afterwards. */
  readonly filled: number;
  /** Rows that answer a subscription after a restart and were written before it. */
  readonly again: number;
}

/** What lies in Kafka of an exchange, live and filled, against what happened there since each code's first row. */
export async function pastVerdict(
  simulator: Simulator,
  bootstrap: string,
  exchange: string,
  region: string,
  untilMs: number,
): Promise<PastVerdict> {
  const topic = `trade-data.${region}`;
  const read = await readTopic<TradeBatch>({ bootstrap, topic, timeoutMs: READ_WITHIN_MS });
  const messages = read.filter(({ value }) => value?.exchange === exchange);
  const { rows: kept, again } = asRead(messages);
  const left = leftIn(await readEvents(bootstrap), exchange);
  const all: PastVerdict = {
    ...{ missing: [], untold: [], overtold: [], repeated: [], foreign: [], altered: [] },
    ...{ filled: 0, again },
  };
  let filled = 0;
  for (const symbol of simulator.symbols(exchange)) {
    const rows = kept.filter((row) => row.symbol === symbol && row.timestamp < untilMs * 1000);
    filled += rows.filter(({ stream_type }) => stream_type === 'BACKFILL').length;
    if (rows.length === 0) continue;
    const firstMs = Math.floor(Math.min(...rows.map(({ timestamp }) => timestamp)) / 1000);
    const happened = (one: { timestamp: number }) => Math.floor(one.timestamp / 1000) > firstMs;
    const truth = simulator.ledger.past(exchange, symbol, { fromMs: firstMs + 1, toMs: untilMs - 1 });
    const found = comparePast(truth, rows.filter(happened));
    const named = ({ id }: PastTrade): string => `${exchange} ${symbol} ${id}`;
    const toldOf = ({ trade_id, stream_type }: ReadTrade): string =>
      `${exchange} ${symbol} ${trade_id} ${stream_type}`;
    const code = messages.find(({ value }) => value?.symbol === symbol)?.value?.code;
    const ofCode = left.filter((one) => one.code === code);
    const absent = new Set(found.missing);
    all.missing.push(...found.missing.map(named));
    all.untold.push(...found.missing.filter((one) => !isOnRecord(one, ofCode)).map(named));
    all.overtold.push(...truth.filter((one) => !absent.has(one) && isCounted(one, ofCode)).map(named));
    all.repeated.push(...found.repeated.map(toldOf));
    all.foreign.push(...found.foreign.map(toldOf));
    all.altered.push(...found.altered.map(toldOf));
  }
  return { ...all, filled };
}

/**
 * Trades of one exchange as a reader keeps them: the messages of a lower fence are dropped, and what answers a subscription
 * of a later life is passed over where an earlier one wrote it. Some exchanges do not mark that: then it is what comes
 * before anything new. Everything else that comes again is left in.
 * @returns with the number of rows that were passed over
 */
export function asRead(messages: readonly Message<TradeBatch>[]): { rows: ReadTrade[]; again: number } {
  const fences = new Map<string, number>();
  /** Of each code the fence of the life that has brought something new. */
  const begun = new Map<string, number>();
  const rows: ReadTrade[] = [];
  let again = 0;
  for (const { fence, batch } of byFence(messages).kept) {
    for (const row of batch.data) {
      const id = `${batch.symbol} ${row.trade_id}`;
      const before = fences.get(id);
      const live = row.stream_type === 'REALTIME';
      const answers = row.stream_type === 'SNAPSHOT' || (live && begun.get(batch.symbol) !== fence);
      if (before !== undefined && before < fence && answers) again++;
      else {
        rows.push({ ...row, symbol: batch.symbol });
        if (live) begun.set(batch.symbol, fence);
      }
      fences.set(id, Math.max(fence, before ?? 0));
    }
  }
  return { rows, again };
}

/** Starts a collector of all trades of these exchanges. @param env where Kafka and Redis are */
export async function startTrades(
  simulator: Simulator,
  exchanges: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const port = await freePort();
  const streams = exchanges.flatMap((exchange) => [
    ...['--exchange', exchange, '--type', 'trade', '--symbols', simulator.symbols(exchange).join(',')],
  ]);
  const program = start(['run', ...streams], {
    ...simulator.env(),
    ...env,
    MESSAGING_USE_AVRO: 'false',
    COLLECTOR_ID: 'only',
    HTTP_PORT: String(port),
  });
  return { id: 'only', program, url: `http://127.0.0.1:${port}` };
}

/** Ends all sockets of these exchanges and lets none in for so long. */
export async function cutAll(
  simulator: Simulator,
  exchanges: readonly string[],
  forMs: number,
): Promise<void> {
  for (const exchange of exchanges) {
    await simulator.do({ do: 'refuse-open', exchange, status: 503, forMs });
    await simulator.do({ do: 'cut', exchange });
  }
  await Bun.sleep(forMs);
}
