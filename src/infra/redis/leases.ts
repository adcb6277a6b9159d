import {
  type CollectorInfo,
  type Collectors,
  type Covered,
  type Holding,
  type Leases,
  type ShardKey,
  shardKey,
} from '../../application/state-store.ts';
import { type StreamKey, streamKey } from '../../core/desired/stream.ts';
import { COLLECTOR, COVERED, stored, whole } from './answers.ts';
import type { RunCommand } from './connection.ts';

/**
 * KEYS: lease, fence, covered, desired; ARGV: collector, life in ms, shard, version ('' for any), a fence to exceed,
 * collectors whose leases may be taken.
 */
const ACQUIRE = `
local held = redis.call('GET', KEYS[1])
if held then
  local holder, mine = string.match(held, '^(.*)|%d+$'), false
  for at = 6, #ARGV do mine = mine or holder == ARGV[at] end
  if not mine then return false end
end
local version = redis.call('HGET', KEYS[4], 'version')
if version and ARGV[4] ~= '' and version ~= ARGV[4] then return 'outdated' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local counted = redis.call('INCR', KEYS[2])
local fence = math.max(counted, now, tonumber(ARGV[5]) + 1)
if fence > counted then
  redis.call('SET', KEYS[2], string.format('%.0f', fence))
end
local token = string.format('%.0f', fence)
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. token, 'PX', ARGV[2])
local taker = 'taker:' .. ARGV[3]
local taken = { token, redis.call('HGET', KEYS[3], ARGV[3]) or '', redis.call('HGET', KEYS[3], taker) or '' }
redis.call('HSET', KEYS[3], taker, ARGV[1])
local all = redis.call('HGETALL', KEYS[3])
for at = 1, #all, 2 do
  if all[at] ~= ARGV[3] and string.match(all[at], '^%d+$') then taken[#taken + 1] = all[at + 1] end
end
return taken`;

/** A counter that lost its memory goes on above the fences that are in use. KEYS: fence; ARGV: one in use. */
const RAISE = `
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then redis.call('SET', KEYS[1], ARGV[1]) end
return 1`;

/** What follows a lease that is still held. KEYS: lease, covered; ARGV: its value, shard, covered. */
const IF_HELD = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] == '[]' then redis.call('HDEL', KEYS[2], ARGV[2])
elseif ARGV[3] ~= '' then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end`;

/** ARGV also: life in ms. */
const RENEW = `${IF_HELD}
return redis.call('PEXPIRE', KEYS[1], ARGV[4])`;

/** ARGV also: channel, stream. */
const RELEASE = `${IF_HELD}
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1`;

/**
 * `lease:{exchange}|{type}|{shard}` = `collector|token`; tokens come out of `fence`. `covered:{exchange}|{type}` is a
 * hash of shard → how far its last holder got, and of `taker:{shard}` → who took it last.
 */
export function redisLeases(run: RunCommand, prefix: string, channel: string): Leases {
  const fenceKey = `${prefix}fence`;
  const leaseKey = (shard: ShardKey) => `${prefix}lease:${shardKey(shard)}`;
  const coveredKey = (stream: StreamKey) => `${prefix}covered:${streamKey(stream)}`;
  const ifHeld = (script: string, { lease, covered }: Holding, ...more: (string | number)[]) =>
    run(
      'EVAL',
      script,
      2,
      leaseKey(lease.shard),
      coveredKey(lease.shard),
      `${lease.collector}|${lease.fence}`,
      lease.shard.shard,
      coveredText(lease.collector, covered),
      ...more,
    );
  async function recorded(streams: readonly StreamKey[]): Promise<ShardKey[]> {
    const fields = await Promise.all(
      streams.map((stream) => run('HKEYS', coveredKey(stream)) as Promise<string[]>),
    );
    return streams.flatMap(({ exchange, request_type }, at) =>
      (fields[at] ?? []).flatMap((field) =>
        /^\d+$/.test(field) ? [{ exchange, request_type, shard: Number(field) }] : [],
      ),
    );
  }
  return {
    acquire: (shards, collector, ttlMs, heirOf, above = 0) =>
      Promise.all(
        shards.map(async ({ version = '', ...shard }) => {
          const keys = [leaseKey(shard), fenceKey, coveredKey(shard), `${prefix}desired:${streamKey(shard)}`];
          const args = [collector, ttlMs, shard.shard, version, above, ...heirOf];
          const taken = await run('EVAL', ACQUIRE, keys.length, ...keys, ...args);
          if (taken === null || taken === 'outdated') return taken;
          const [token, covered, last, ...others] = Array.isArray(taken) ? (taken as unknown[]) : [taken];
          return {
            lease: { shard, collector, fence: whole(fenceKey, token) },
            before: stored(COVERED, covered),
            last: typeof last === 'string' && last !== '' ? last : null,
            beside: others.flatMap((other) => stored(COVERED, other)?.covered ?? []),
          };
        }),
      ),
    async provisional(shards, collector, above) {
      const fields = (shard: ShardKey) => [shard.shard, `taker:${shard.shard}`];
      const [time, counted, holders, own, all] = await Promise.all([
        run('TIME'),
        run('GET', fenceKey),
        run('MGET', ...shards.map(leaseKey)),
        Promise.all(shards.map((shard) => run('HMGET', coveredKey(shard), ...fields(shard)))),
        Promise.all(shards.map((shard) => run('HVALS', coveredKey(shard)))),
      ]);
      const [seconds, micros] = (time as unknown[]).map((part) => whole('TIME', part));
      const nowMs = (seconds ?? 0) * 1000 + Math.floor((micros ?? 0) / 1000);
      const highest = Math.max(nowMs, counted === null ? 0 : whole(fenceKey, counted), above);
      return shards.map((shard, at) => {
        const holder = (holders as (string | null)[])[at] ?? null;
        if (holder !== null && !holder.startsWith(`${collector}|`)) return null;
        const lease = { shard, collector, fence: highest + 1 + at };
        const [covered, last] = Array.isArray(own[at]) ? (own[at] as unknown[]) : [];
        const others = Array.isArray(all[at]) ? (all[at] as unknown[]) : [];
        return {
          lease,
          before: stored(COVERED, covered),
          last: typeof last === 'string' ? last : null,
          beside: others.flatMap((one) => (one === covered ? [] : (stored(COVERED, one)?.covered ?? []))),
        };
      });
    },
    async renew(held, ttlMs) {
      if (held.length === 0) return [];
      const highest = Math.max(...held.map(({ lease }) => lease.fence));
      const [, ...kept] = await Promise.all([
        run('EVAL', RAISE, 1, fenceKey, highest),
        ...held.map((holding) => ifHeld(RENEW, holding, ttlMs)),
      ]);
      return kept.map((answer) => answer === 1);
    },
    async release(held) {
      await Promise.all(
        held.map((holding) => ifHeld(RELEASE, holding, channel, streamKey(holding.lease.shard))),
      );
    },
    async holders(shards) {
      if (shards.length === 0) return [];
      const held = (await run('MGET', ...shards.map(leaseKey))) as (string | null)[];
      return held.map((value) => {
        if (value === null) return null;
        const at = value.lastIndexOf('|');
        return { collector: value.slice(0, at), fence: whole('lease', value.slice(at + 1)) };
      });
    },
    recorded,
    async records(streams) {
      const shards = await recorded(streams);
      const texts = await Promise.all(shards.map((shard) => run('HGET', coveredKey(shard), shard.shard)));
      return shards.map((shard, at) => ({ shard, covered: stored(COVERED, texts[at])?.covered ?? [] }));
    },
  };
}

/** '' leaves what is there, `[]` deletes it. */
function coveredText(collector: string, covered: readonly Covered[] | null): string {
  if (covered === null) return '';
  return covered.length === 0 ? '[]' : JSON.stringify({ collector, covered });
}

/**
 * `collector:{id}`, and `collectors`, the set of ids that lets them be found without a scan.
 * @param counted whether this process is among those that listen to the channel, and Redis knows all of them
 */
export function redisCollectors(
  run: RunCommand,
  prefix: string,
  channel: string,
  counted: () => boolean,
): Collectors {
  const keyOf = (id: string) => `${prefix}collector:${id}`;
  const all = `${prefix}collectors`;
  return {
    async announce(id, info, ttlMs) {
      await Promise.all([run('SET', keyOf(id), JSON.stringify(info), 'PX', ttlMs), run('SADD', all, id)]);
    },
    async others() {
      if (!counted()) return null;
      const [, listening] = (await run('PUBSUB', 'NUMSUB', channel)) as unknown[];
      return Math.max(0, whole('PUBSUB NUMSUB', listening) - 1);
    },
    async alive() {
      const ids = ((await run('SMEMBERS', all)) as string[]).sort();
      if (ids.length === 0) return [];
      const infos = (await run('MGET', ...ids.map(keyOf))) as (string | null)[];
      const gone = ids.filter((_, at) => infos[at] === null);
      if (gone.length > 0) await run('SREM', all, ...gone);
      return ids.flatMap((id, at) => {
        const info = stored(COLLECTOR, infos[at]);
        return info ? [{ id, info: { process: null, ...info } as CollectorInfo }] : [];
      });
    },
    async leave(ids) {
      if (ids.length > 0) await Promise.all([run('DEL', ...ids.map(keyOf)), run('SREM', all, ...ids)]);
    },
  };
}
