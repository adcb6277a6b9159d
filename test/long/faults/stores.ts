import type { RedisServer } from '../../services/redis.ts';
import { exchange } from '../../services/tcp.ts';
import type { World } from '../world.ts';
import type { Fault } from './fault.ts';

/** Nobody listens there. */
const NO_MASTER = '127.0.0.1 1';

async function tell({ port }: RedisServer, command: string): Promise<void> {
  const answer = await exchange(port, Buffer.from(`${command}\r\n`), (got) => got.includes('\r\n'));
  if (!answer?.toString().startsWith('+')) throw new Error(`redis: ${command}: ${answer}`);
}

/** A command that comes while the store cannot be used is answered when it can be. */
function ask({ command }: World): Promise<void> {
  return command('status', 'okx', 'trade');
}

/** Redis is there and answers every write with an error. */
function refusing(name: string, lasts: number, begin: string, end: string): Fault {
  return {
    name,
    lasts,
    least: 18,
    calm: 12,
    expects: 'unready',
    delays: 'none',
    async begin(world) {
      await tell(world.redis, begin);
      await ask(world);
    },
    end: ({ redis }) => tell(redis, end),
  };
}

export const redisOutOfMemory = () =>
  refusing('redis-oom', 25, 'CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0');

export const redisReadOnly = () =>
  refusing('redis-readonly', 20, `REPLICAOF ${NO_MASTER}`, 'REPLICAOF NO ONE');

export function redisFrozen(): Fault {
  return {
    name: 'redis-frozen',
    lasts: 30,
    least: 20,
    calm: 15,
    expects: 'unready',
    delays: 'none',
    async begin(world) {
      world.redis.pause();
      await ask(world);
    },
    async end({ redis }) {
      redis.resume();
    },
  };
}

/** All keys are gone at once. What runs knows better, and a kill soon afterwards must find it again. */
export function redisEmptied(): Fault {
  return {
    name: 'redis-emptied',
    lasts: 0,
    least: 0,
    calm: 20,
    expects: 'nothing',
    delays: 'none',
    begin: ({ redis }) => tell(redis, 'FLUSHALL'),
    async end() {},
  };
}

/** Connections to the registry open, and nothing answers. Nothing needs it once the schemas are known. */
export function registryAway(): Fault {
  return {
    name: 'registry-away',
    lasts: 25,
    least: 8,
    calm: 5,
    expects: 'nothing',
    delays: 'none',
    async begin({ registry }) {
      registry.pause();
    },
    async end({ registry }) {
      registry.resume();
    },
  };
}
