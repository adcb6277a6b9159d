import type { FillRecord, LastTrade } from '../../application/backfill/fill-task.ts';
import type { FillStore } from '../../application/state-store.ts';

export function memoryFills(): FillStore {
  const tasks = new Map<string, Map<string, FillRecord>>();
  const trades = new Map<string, LastTrade>();
  const of = (exchange: string): Map<string, FillRecord> => {
    const known = tasks.get(exchange) ?? new Map<string, FillRecord>();
    tasks.set(exchange, known);
    return known;
  };
  return {
    tasks: async (exchange) => [...of(exchange).values()],
    put: async (exchange, put) => {
      for (const one of put) of(exchange).set(one.name, one);
    },
    remove: async (exchange, names) => {
      for (const name of names) of(exchange).delete(name);
    },
    lastTrades: async (exchange, symbols) =>
      symbols.map((symbol) => trades.get(`${exchange}|${symbol}`) ?? null),
    keepLastTrades: async (exchange, kept) => {
      for (const [symbol, trade] of kept) trades.set(`${exchange}|${symbol}`, trade);
    },
  };
}
