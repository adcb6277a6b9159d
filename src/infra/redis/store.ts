import type { MarketCache, StateStore } from '../../application/state-store.ts';
import type { Clock } from '../../common/clock.ts';
import { redisActual } from './actual.ts';
import { LISTINGS, stored } from './answers.ts';
import { redisBreakers } from './breakers.ts';
import type { RedisAddress } from './client.ts';
import { RedisConnection, type RunCommand } from './connection.ts';
import { redisDesired, redisOutcomes } from './desired.ts';
import { redisFills } from './fills.ts';
import { redisCollectors, redisLeases } from './leases.ts';
import { redisOpens } from './opens.ts';

export interface RedisStoreOptions {
  readonly address: RedisAddress;
  /** Of every key and channel; braces in it keep all keys in one cluster slot, which the scripts need. */
  readonly prefix: string;
  /** Life of the keys of actual state, in seconds. */
  readonly actualTtlS: number;
}

/** State in Redis. Nothing is connected before `start`. */
export function redisStore(options: RedisStoreOptions, clock: Clock): StateStore {
  const { prefix } = options;
  const channel = `${prefix}nudge`;
  const connection = new RedisConnection(options.address, prefix, clock);
  const { run } = connection;
  return {
    start: (timeoutMs) => connection.start(timeoutMs),
    stop: async () => connection.stop(),
    get available() {
      return connection.available;
    },
    get reason() {
      return connection.reason;
    },
    get refusal() {
      return connection.refusal;
    },
    onAvailability: (listener) => connection.onAvailability(listener),
    whenAvailable: () => connection.whenAvailable(),
    desired: redisDesired(connection, prefix, channel),
    outcomes: redisOutcomes(run, prefix),
    actual: redisActual(run, prefix, options.actualTtlS),
    markets: redisMarkets(run, prefix),
    leases: redisLeases(run, prefix, channel),
    collectors: redisCollectors(
      run,
      prefix,
      channel,
      () => connection.subscribed && !options.address.cluster,
    ),
    breakers: redisBreakers(run, prefix),
    opens: redisOpens(run, prefix),
    fills: redisFills(run, prefix),
  };
}

/** `markets:{exchange}` as JSON. */
function redisMarkets(run: RunCommand, prefix: string): MarketCache {
  return {
    async read(exchange) {
      return stored(LISTINGS, await run('GET', `${prefix}markets:${exchange}`));
    },
    async write(exchange, at, listings) {
      await run('SET', `${prefix}markets:${exchange}`, JSON.stringify({ at, listings }));
    },
  };
}
