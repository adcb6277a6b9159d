import { type Message, readTopic } from '../services/avro-consumer.ts';
import type { ReadTrade } from '../simulator/compare.ts';
import type { Ledger, Row } from '../simulator/ledger.ts';
import type { Program } from './program.ts';
import type { Gap, TradeBatch } from './spine-parts.ts';

/** A collector that runs, and the address of its page. */
export interface Running {
  readonly id: string;
  readonly program: Program;
  readonly url: string;
}

interface StreamStatus {
  exchange: string;
  state: string;
  shards: { shard: number; state: string }[];
  shards_elsewhere: { shard: number; collector: string | null }[];
}

export interface Status {
  leases: { collectors: string[]; held: number; lost: number; given: number };
  streams: StreamStatus[];
}

/** What it says at /status; null where it does not answer. */
export async function statusOf({ url }: Running): Promise<Status | null> {
  const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(1000) }).catch(() => null);
  return answer && ((await answer.json()) as Status);
}

/** How many shards each streams, and that every one of them is live. */
export async function liveShards(running: readonly Running[]): Promise<number[]> {
  const states = await Promise.all(running.map(statusOf));
  return states.map(
    (status) =>
      status?.streams.flatMap(({ shards }) => shards).filter(({ state }) => state === 'live').length ?? 0,
  );
}

/** Resolves with the time it took, in ms, once they stream as many live shards as said. */
export async function shared(
  running: readonly Running[],
  counts: readonly number[],
  withinMs: number,
): Promise<number> {
  const from = Date.now();
  for (;;) {
    const now = await liveShards(running);
    if (now.every((count, at) => count === counts[at])) return Date.now() - from;
    if (Date.now() - from > withinMs) throw new Error(`shards after ${withinMs} ms: ${now}, not ${counts}`);
    await Bun.sleep(50);
  }
}

/** Codes that more than one socket had subscribed at once, by the ledger: each with the times in ms that both did. */
export function doubled(ledger: Ledger, exchange: string): { symbol: string; from: number; to: number }[] {
  const open = new Map<string, Map<number, number>>();
  const found: { symbol: string; from: number; to: number }[] = [];
  const leave = (symbol: string, socket: number, at: number): void => {
    const sockets = open.get(symbol);
    const since = sockets?.get(socket);
    sockets?.delete(socket);
    for (const other of sockets?.values() ?? [])
      if (since !== undefined) found.push({ symbol, from: Math.max(since, other), to: at });
  };
  for (const entry of ledger.entries.filter((one) => one.exchange === exchange)) {
    const { socket, at } = entry;
    if (socket === null) continue;
    if (entry.what === 'subscribe') {
      const sockets = open.get(entry.symbol) ?? new Map<number, number>();
      open.set(entry.symbol, sockets.set(socket, at));
    } else if (entry.what === 'unsubscribe') leave(entry.symbol, socket, at);
    else if (entry.what === 'close') for (const symbol of open.keys()) leave(symbol, socket, at);
  }
  return found;
}

/** The messages of a topic as a reader keeps them who drops a lower fence than the highest seen for the key, but for late ones. */
export function byFence(messages: readonly Message<TradeBatch>[]): {
  kept: { key: string; fence: number; batch: TradeBatch }[];
  dropped: { key: string; fence: number; batch: TradeBatch }[];
} {
  const highest = new Map<string, number>();
  const kept: ReturnType<typeof byFence>['kept'] = [];
  const dropped: typeof kept = [];
  for (const { key, headers, value } of messages) {
    if (key === null || value === null) throw new Error('a data message has a key and a value');
    const fence = Number(headers.fence);
    const before = highest.get(key) ?? 0;
    if (headers.late !== undefined) {
      kept.push({ key, fence, batch: value });
      continue;
    }
    (fence < before ? dropped : kept).push({ key, fence, batch: value });
    highest.set(key, Math.max(fence, before));
  }
  return { kept, dropped };
}

/** Trades in the order of reading; one that comes again under a higher fence, as it may at a takeover, counts once. */
export function trades(kept: ReturnType<typeof byFence>['kept']): {
  once: ReadTrade[];
  again: ReadTrade[];
  /** Read twice under the same fence. */
  twice: ReadTrade[];
} {
  const seen = new Map<string, number>();
  const result: ReturnType<typeof trades> = { once: [], again: [], twice: [] };
  for (const { fence, batch } of kept) {
    for (const row of batch.data) {
      const trade = { ...row, symbol: batch.symbol };
      const id = `${batch.symbol} ${row.trade_id}`;
      const before = seen.get(id);
      (before === undefined ? result.once : before === fence ? result.twice : result.again).push(trade);
      seen.set(id, fence);
    }
  }
  return result;
}

/** Whether a row lies inside a gap that has an end. Rows know whole milliseconds only. */
export function inAnyGap({ at }: Row, code: string | undefined, gaps: readonly Gap[]): boolean {
  return gaps.some(
    ({ from, to, codes }) =>
      code !== undefined && codes.includes(code) && at * 1000 + 999 >= from && to !== null && at * 1000 <= to,
  );
}

export function readTrades(bootstrap: string, region: string): Promise<Message<TradeBatch>[]> {
  return readTopic<TradeBatch>({ bootstrap, topic: `trade-data.${region}` });
}
