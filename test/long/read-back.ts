import { scanTopic } from '../services/avro-consumer.ts';
import type { ReadRow, SentRow } from './checks/rows.ts';

interface Batch {
  readonly exchange: string;
  readonly symbol: string;
  readonly code: string;
  readonly request_type: string;
  readonly data: readonly {
    readonly timestamp: number;
    readonly received_at: number;
    readonly trade_id?: string;
    readonly close?: number;
    readonly volume?: number | null;
  }[];
}

/** What was in a data topic at one time. */
export interface RawTopic {
  readonly topic: string;
  readonly rows: readonly ReadRow[];
  /** Native symbol by `exchange code`. */
  readonly symbols: ReadonlyMap<string, string>;
}

/** Reads a data topic; messages of one key stand in their order. */
export async function rawTopic(bootstrap: string, registry: string, topic: string): Promise<RawTopic> {
  const rows: ReadRow[] = [];
  const symbols = new Map<string, string>();
  await scanTopic<Batch>({ bootstrap, registry, topic }, ({ value, headers, timestamp: appended }) => {
    // What was fetched afterwards is neither in order nor in time, and has a long run of its own.
    if (value === null || headers.late === 'backfill') return;
    const { exchange, symbol, code, request_type, data } = value;
    const stream = `${exchange} ${request_type} ${symbol}`;
    symbols.set(`${exchange} ${code}`, symbol);
    const fence = Number(headers.fence ?? 0);
    for (const { timestamp, received_at: received, trade_id, close, volume } of data) {
      const time = Math.floor(timestamp / 1000);
      const id = trade_id ?? tickerId(exchange, close ?? Number.NaN, volume ?? Number.NaN, time);
      rows.push({ stream, id, topic, received, appended, fence });
    }
  });
  return { topic, rows, symbols };
}

/** Their tickers have the time of the latest trade, not their own. */
const TIME_OF_TRADE = ['coinbase'];

/** What tells one ticker of a code from another: the time, or the day's volume, which rises with every trade. */
function tickerId(exchange: string, close: number, volume: number, timeMs: number): string {
  return `${close} ${TIME_OF_TRADE.includes(exchange) ? volume : timeMs}`;
}

interface LedgerRow {
  readonly kind: string;
  readonly exchange: string;
  readonly type: string;
  readonly symbol: string;
  readonly at: number;
  readonly socket: number | null;
  readonly id: string | null;
  readonly price: number;
  readonly size: number;
  readonly timeMs: number;
  readonly snapshot: boolean;
}

export interface LedgerFile {
  readonly sent: readonly SentRow[];
  /** Breaches of the exchanges' published limits. */
  readonly violations: readonly Violation[];
}

export interface Violation {
  /** Epoch ms. */
  readonly at: number;
  readonly limit: string;
  readonly told: string;
}

/** Reads the file that a simulator's ledger was written to, line by line. */
export async function ledgerFile(file: string): Promise<LedgerFile> {
  const sent: SentRow[] = [];
  const violations: Violation[] = [];
  for await (const line of linesOf(file)) {
    const entry = JSON.parse(line) as LedgerRow & { what?: string; limit?: string; detail?: string };
    const { kind, exchange, type, symbol, at, socket, id, price, size, timeMs, snapshot } = entry;
    if (kind === 'row') {
      const stream = `${exchange} ${type} ${symbol}`;
      sent.push({
        stream,
        id: id ?? tickerId(exchange, price, size, timeMs),
        at,
        sent: socket !== null,
        snapshot,
      });
    } else if (entry.what === 'violation') {
      const { limit = '', detail } = entry;
      violations.push({ at, limit, told: `${exchange}: ${limit}: ${detail}` });
    }
  }
  return { sent, violations };
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of Bun.file(file).stream()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
