import type { FillStore } from '../../application/state-store.ts';
import { FILL, LAST_TRADE, stored } from './answers.ts';
import type { RunCommand } from './connection.ts';

/** The longest that any exchange but those that have all trades goes back, in s: older tasks are of no use. */
const TTL_S = 7 * 24 * 3600;
/** Tasks of an exchange that are kept; more than that is an exchange that is cut all day long. */
const MOST = 5000;

/** KEYS: tasks; ARGV: life in s, the most, then name and task in turn. What is there already is always written. */
const PUT = `
local room = tonumber(ARGV[2]) - redis.call('HLEN', KEYS[1])
for at = 3, #ARGV, 2 do
  if room > 0 or redis.call('HEXISTS', KEYS[1], ARGV[at]) == 1 then
    room = room - redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 1])
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1`;

/** `backfill:{exchange}`, a hash of tasks, and `last_trades:{exchange}`, a hash by symbol, both as JSON. */
export function redisFills(run: RunCommand, prefix: string): FillStore {
  const tasksOf = (exchange: string) => `${prefix}backfill:${exchange}`;
  const tradesOf = (exchange: string) => `${prefix}last_trades:${exchange}`;
  return {
    async tasks(exchange) {
      const values = (await run('HVALS', tasksOf(exchange))) as unknown[];
      return values.flatMap((value) => stored(FILL, value) ?? []);
    },
    async put(exchange, tasks) {
      if (tasks.length === 0) return;
      const pairs = tasks.flatMap((task) => [task.name, JSON.stringify(task)]);
      await run('EVAL', PUT, 1, tasksOf(exchange), TTL_S, MOST, ...pairs);
    },
    async remove(exchange, names) {
      if (names.length > 0) await run('HDEL', tasksOf(exchange), ...names);
    },
    async lastTrades(exchange, symbols) {
      if (symbols.length === 0) return [];
      const values = (await run('HMGET', tradesOf(exchange), ...symbols)) as unknown[];
      return symbols.map((_, at) => stored(LAST_TRADE, values[at]));
    },
    async keepLastTrades(exchange, trades) {
      if (trades.size === 0) return;
      const pairs = [...trades].flatMap(([symbol, trade]) => [symbol, JSON.stringify(trade)]);
      await Promise.all([
        run('HSET', tradesOf(exchange), ...pairs),
        run('EXPIRE', tradesOf(exchange), TTL_S),
      ]);
    },
  };
}
