import type { PastTrade } from '../simulator/rest/service.ts';
import { type Simulator, type SimulatorOptions, startSimulator } from '../simulator/simulator.ts';

/** A trade as a client reads it from an answer. */
export interface Read {
  readonly id: string;
  readonly price: number;
  readonly size: number;
  readonly buys: boolean;
  readonly timeMs: number;
}

/** The past of one code, to be asked for over REST. */
export interface Past {
  readonly exchange: string;
  readonly symbol: string;
  readonly simulator: Simulator;
  /** Trades happen, `count` events of them. */
  trade(count: number, atMs?: number): Promise<void>;
  /** What happened, as REST would have it. */
  all(): PastTrade[];
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  json<T>(path: string): Promise<T>;
}

const open: Simulator[] = [];

export async function pastOf(exchange: string, options: Partial<SimulatorOptions> = {}): Promise<Past> {
  const simulator = await startSimulator({ exchanges: [exchange], symbols: 3, ...options });
  open.push(simulator);
  const [symbol = ''] = simulator.symbols(exchange);
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${simulator.restUrl(exchange)}${path}`, { headers });
  return {
    exchange,
    symbol,
    simulator,
    async trade(count, atMs) {
      await simulator.do({
        do: 'event',
        exchange,
        type: 'trade',
        symbol,
        count,
        ...(atMs !== undefined && { atMs }),
      });
    },
    all: () => simulator.ledger.past(exchange, symbol),
    get,
    async json<T>(path: string): Promise<T> {
      const response = await get(path);
      if (response.status !== 200) throw new Error(`${response.status} to ${path}: ${await response.text()}`);
      return (await response.json()) as T;
    },
  };
}

export async function stopAll(): Promise<void> {
  for (const simulator of open.splice(0)) await simulator.stop();
}

/** A hole: the trades around it are known, those between are what a client has to find. */
export interface Hole {
  readonly before: PastTrade;
  readonly after: PastTrade;
  readonly inside: readonly PastTrade[];
}

/** A hole from the nth trade to the one that is `back` trades before the latest. */
export function holeOf(past: Past, nth: number, back: number): Hole {
  const rows = past.all();
  const last = rows.length - 1 - back;
  const [before, after] = [rows[nth], rows[last]];
  if (!before || !after) throw new Error(`no hole in ${rows.length} trades`);
  return { before, after, inside: rows.slice(nth + 1, last) };
}

/** What the ledger has, as a client should have read it. */
export function asRead(rows: readonly PastTrade[]): Read[] {
  return rows.map(({ id, price, size, takerBuys, timeMs }) => ({ id, price, size, buys: takerBuys, timeMs }));
}

/** Each id once, in the order of ids. */
export function inOrder(rows: Iterable<Read>): Read[] {
  const byId = new Map([...rows].map((row) => [row.id, row]));
  return [...byId.values()].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
}

/** Those strictly between two ids. */
export function inside(rows: Iterable<Read>, { before, after }: Hole): Read[] {
  const [low, high] = [BigInt(before.id), BigInt(after.id)];
  return inOrder(rows).filter(({ id }) => BigInt(id) > low && BigInt(id) < high);
}
