import type { OpenTimes } from '../../application/state-store.ts';
import { SHUT_OUT, stored, whole } from './answers.ts';
import type { RunCommand } from './connection.ts';

/** KEYS: opens, a set sorted by time; ARGV: now, id, then count and length of every window. */
const TAKE = `
local now, longest, wait = tonumber(ARGV[1]), 0, 0
for at = 3, #ARGV, 2 do longest = math.max(longest, tonumber(ARGV[at + 1])) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - longest)
for at = 3, #ARGV, 2 do
  local count, ms = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local nth = redis.call('ZREVRANGE', KEYS[1], count - 1, count - 1, 'WITHSCORES')[2]
  if nth then wait = math.max(wait, math.min(ms, tonumber(nth) + ms - now)) end
end
if wait > 0 then return wait end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], longest)
return 0`;

/** `opens:{host}|{source}`, times of opens as a sorted set; `shut_out:{host}|{source}`, until when and why, as JSON. */
export function redisOpens(run: RunCommand, prefix: string): OpenTimes {
  const keyOf = (key: string) => `${prefix}opens:${key}`;
  const shutOutOf = (key: string) => `${prefix}shut_out:${key}`;
  return {
    async take(key, id, windows, nowMs) {
      const args = windows.flatMap(({ count, perMs }) => [count, perMs]);
      return whole(keyOf(key), await run('EVAL', TAKE, 1, keyOf(key), nowMs, id, ...args));
    },
    async giveBack(key, id) {
      await run('ZREM', keyOf(key), id);
    },
    async shutOut(key, shutOut, forMs) {
      await run('SET', shutOutOf(key), JSON.stringify(shutOut), 'PX', Math.ceil(forMs));
    },
    async lastShutOut(key) {
      return stored(SHUT_OUT, await run('GET', shutOutOf(key)));
    },
  };
}
