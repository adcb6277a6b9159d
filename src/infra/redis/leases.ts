import type { Collectors, Leases, ShardKey } from '../../application/state-store.ts';
import { streamKey } from '../../core/desired/stream.ts';
import type { RunCommand } from './connection.ts';

/** KEYS: lease, fence; ARGV: collector, life in ms. */
const ACQUIRE = `
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^(.*)|%d+$') ~= ARGV[1] then return 0 end
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. fence, 'PX', ARGV[2])
return fence`;

const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** `lease:{exchange}|{type}|{shard}` = `collector|token`; tokens come out of `fence`. */
export function redisLeases(run: RunCommand, prefix: string): Leases {
  const keyOf = (shard: ShardKey) => `${prefix}lease:${streamKey(shard)}|${shard.shard}`;
  return {
    async acquire(shard, collector, ttlMs) {
      const fence = Number(await run('EVAL', ACQUIRE, 2, keyOf(shard), `${prefix}fence`, collector, ttlMs));
      return fence === 0 ? null : { shard, collector, fence };
    },
    async renew({ shard, collector, fence }, ttlMs) {
      return (await run('EVAL', RENEW, 1, keyOf(shard), `${collector}|${fence}`, ttlMs)) === 1;
    },
    async release({ shard, collector, fence }) {
      await run('EVAL', RELEASE, 1, keyOf(shard), `${collector}|${fence}`);
    },
    async holder(shard) {
      const held = await run('GET', keyOf(shard));
      if (typeof held !== 'string') return null;
      const at = held.lastIndexOf('|');
      return { collector: held.slice(0, at), fence: Number(held.slice(at + 1)) };
    },
  };
}

/** `collector:{id}`, and `collectors`, the set of ids that lets them be found without a scan. */
export function redisCollectors(run: RunCommand, prefix: string): Collectors {
  const keyOf = (id: string) => `${prefix}collector:${id}`;
  const all = `${prefix}collectors`;
  return {
    async announce(id, info, ttlMs) {
      await Promise.all([run('SET', keyOf(id), JSON.stringify(info), 'PX', ttlMs), run('SADD', all, id)]);
    },
    async alive() {
      const ids = (await run('SMEMBERS', all)) as string[];
      const there = await Promise.all(ids.map((id) => run('EXISTS', keyOf(id))));
      const gone = ids.filter((_, at) => there[at] !== 1);
      if (gone.length > 0) await run('SREM', all, ...gone);
      return ids.filter((_, at) => there[at] === 1).sort();
    },
    async leave(id) {
      await Promise.all([run('DEL', keyOf(id)), run('SREM', all, id)]);
    },
  };
}
