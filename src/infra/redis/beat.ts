import type { RunCommand } from './connection.ts';

/** What a proof of life says of the store's memory. */
export interface Beat {
  /** One life of the store's memory: a store that was emptied has another. */
  readonly epoch: string;
  /** How long ago it began, by Redis's clock, in ms. */
  readonly ageMs: number;
}

/** Whether an error is an answer of Redis: it is there, and says why it does not do what it is asked. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/**
 * Uses every kind of command that the program needs, so that one of them that is forbidden is found here. The epoch is
 * made where there is none. The first write is one that a full Redis refuses: after any other it refuses none.
 * KEYS: epoch, three for trial; ARGV: name of a new epoch, channel.
 */
const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[1] .. '|' .. string.format('%.0f', now)
  redis.call('SET', KEYS[1], epoch)
end
redis.call('HSET', KEYS[2], 'a', '1')
redis.call('HGET', KEYS[2], 'a')
redis.call('HMGET', KEYS[2], 'a')
redis.call('HLEN', KEYS[2])
redis.call('HKEYS', KEYS[2])
redis.call('HDEL', KEYS[2], 'b')
redis.call('EXPIRE', KEYS[2], 60)
redis.call('SADD', KEYS[3], 'a', 'b')
redis.call('SREM', KEYS[3], 'b')
redis.call('SMEMBERS', KEYS[3])
redis.call('PEXPIRE', KEYS[3], 60000)
redis.call('ZADD', KEYS[4], 1, 'a')
redis.call('ZREM', KEYS[4], 'b')
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', 0)
redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')
redis.call('DEL', KEYS[4])
redis.call('INCR', KEYS[4])
redis.call('MGET', KEYS[1], KEYS[4])
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])
redis.call('PUBLISH', ARGV[2], '')
return { epoch, string.format('%.0f', now) }`;

/** Writes, and reads the epoch. */
export function runBeat(run: RunCommand, prefix: string): Promise<unknown> {
  const keys = ['epoch', 'trial:hash', 'trial:set', 'trial:sorted'].map((name) => `${prefix}${name}`);
  return run('EVAL', SCRIPT, keys.length, ...keys, crypto.randomUUID(), `${prefix}trial`);
}

/** Null where it is no answer of the script. */
export function beatOf(answer: unknown): Beat | null {
  if (!Array.isArray(answer) || answer.length !== 2) return null;
  const [epoch, now] = answer.map(String);
  const [id, bornMs] = (epoch ?? '').split('|');
  const ageMs = Number(now) - Number(bornMs);
  return id && Number.isFinite(ageMs) ? { epoch: id, ageMs: Math.max(0, ageMs) } : null;
}
