import type { ActualStore, ActualStream, ConnectionStatus } from '../../application/state-store.ts';
import type { Target } from '../../core/events.ts';
import type { RunCommand } from './connection.ts';

const FIELDS = [
  'status',
  'created_at',
  'last_active',
  'connection_id',
  'exchange',
  'region',
  'request_type',
] as const;

/** KEYS: hash, set of symbols; ARGV: life in seconds, the fields, the symbols. */
const WRITE = `
local held = redis.call('HMGET', KEYS[1], 'connection_id', 'created_at')
if held[1] and held[1] ~= ARGV[5] and tonumber(held[2] or '0') > tonumber(ARGV[3]) then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1]${FIELDS.map((field, at) => `, '${field}', ARGV[${at + 2}]`).join('')})
for at = ${FIELDS.length + 2}, #ARGV do redis.call('SADD', KEYS[2], ARGV[at]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return 1`;

/** KEYS: hash, set of symbols; ARGV: connection id. */
const REMOVE = `
if redis.call('HGET', KEYS[1], 'connection_id') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
return 1`;

/** `ws:connection:{exchange}:{region}:{request_type}`, a hash, and beside it `…:symbols`, a set. */
export function redisActual(run: RunCommand, prefix: string, ttlS: number): ActualStore {
  const keyOf = ({ exchange, region, request_type }: Target) =>
    `${prefix}ws:connection:${exchange}:${region}:${request_type}`;
  return {
    async write({ target, status, connectionId, createdAt, lastActive, symbols }) {
      const key = keyOf(target);
      const { exchange, region, request_type } = target;
      const written = await run(
        'EVAL',
        WRITE,
        2,
        key,
        `${key}:symbols`,
        ttlS,
        status,
        seconds(createdAt),
        seconds(lastActive),
        connectionId,
        exchange,
        region,
        request_type,
        ...symbols,
      );
      return written === 1;
    },
    async read(target) {
      const key = keyOf(target);
      const [fields, symbols] = await Promise.all([
        run('HMGET', key, ...FIELDS),
        run('SMEMBERS', `${key}:symbols`),
      ]);
      return actualOf(target, fields as (string | null)[], symbols as string[]);
    },
    async remove(target, connectionId) {
      const key = keyOf(target);
      return (await run('EVAL', REMOVE, 2, key, `${key}:symbols`, connectionId)) === 1;
    },
  };
}

function seconds(micros: number): number {
  return Math.floor(micros / 1_000_000);
}

function actualOf(
  target: Target,
  [status, created, active, connectionId]: readonly (string | null)[],
  symbols: readonly string[],
): ActualStream | null {
  if (!connectionId) return null;
  return {
    target,
    status: status as ConnectionStatus,
    connectionId,
    createdAt: Number(created) * 1_000_000,
    lastActive: Number(active) * 1_000_000,
    symbols,
  };
}
