import type { BreakerAnswer, BreakerStore } from '../../application/state-store.ts';
import { Fault } from '../../common/errors.ts';
import {
  type BreakerEvent,
  type BreakerFigures,
  closedBreaker,
  type HostBreaker,
  stepBreaker,
} from '../../core/connection/host-breaker.ts';
import { BREAKER, stored } from './answers.ts';
import type { RunCommand } from './connection.ts';

const TTL_MS = 3_600_000;
/** Collectors that change one breaker at once are few; each round lets one of them through. */
const MAX_ROUNDS = 200;

/** Compare and set. KEYS: breaker; ARGV: what it was ('' for nothing), what it shall be, life in ms (0: for ever). */
const SWAP = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[3] == '0' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`;

/** `breaker:{host}` as JSON; a transition is made here and written only if nobody made another meanwhile. */
export function redisBreakers(run: RunCommand, prefix: string): BreakerStore {
  const keyOf = (host: string) => `${prefix}breaker:${host}`;

  async function step(
    host: string,
    event: BreakerEvent,
    figures: BreakerFigures | null,
    nowMs: number,
  ): Promise<BreakerAnswer> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const was = await run('GET', keyOf(host));
      const before = breakerOf(host, was);
      const next = stepBreaker(before, event, figures, nowMs);
      if (next.breaker === before || (await swap(host, was, next.breaker))) {
        return { ...next, changed: next.breaker.state !== before.state };
      }
    }
    throw new Fault(
      'redis_unavailable',
      keyOf(host),
      'The breaker is changed too often.',
      'It is tried again.',
    );
  }

  async function swap(host: string, known: unknown, next: HostBreaker): Promise<boolean> {
    const was = typeof known === 'string' ? known : '';
    const ttl = next.forced ? 0 : TTL_MS;
    return (await run('EVAL', SWAP, 1, keyOf(host), was, JSON.stringify(next), ttl)) === 1;
  }

  return {
    allow: (host, figures, nowMs) => step(host, { kind: 'allow' }, figures, nowMs),
    report: (host, good, figures, nowMs) => step(host, { kind: 'report', good }, figures, nowMs),
    force: (host, state, nowMs) => step(host, { kind: 'force', state }, null, nowMs),
    recall: (known, nowMs) => step(known.host, { kind: 'recall', known }, null, nowMs),
    async read(hosts) {
      const values = await Promise.all(hosts.map((host) => run('GET', keyOf(host))));
      return hosts.map((host, at) => breakerOf(host, values[at]));
    },
  };
}

function breakerOf(host: string, value: unknown): HostBreaker {
  return stored(BREAKER, value) ?? closedBreaker(host);
}
