import { inSync, USER } from '../../services/kafka-cluster.ts';
import { deleteTopic, deny, preferLeaders, type Right, undeny } from '../../services/kafka-wire.ts';
import { makeTopic } from '../world.ts';
import type { Fault } from './fault.ts';

const SYNC_WITHIN_MS = 60_000;
/** What is on its way when a right is withdrawn has arrived, or is refused, by then. */
const SETTLED_MS = 2000;
/** A follower whose leader moved asks the new one a second later (replica.fetch.backoff.ms): nothing is acknowledged before. */
const FOLLOWED_MS = 1500;

function write(topic: string): Right[] {
  return [{ principal: USER, operation: 'Write', on: 'topic', name: topic }];
}

/**
 * One of two brokers is killed: with one in sync where two are asked for nothing is acknowledged, until it is back. Then the
 * partitions that it led before are given back to it.
 */
export function brokerKilled(): Fault {
  return {
    name: 'broker-killed',
    lasts: 30,
    least: 18,
    calm: 15,
    expects: 'unready',
    delays: 'all',
    async begin({ cluster }) {
      await cluster.second.kill9();
    },
    async end({ cluster }) {
      await cluster.second.start();
      await inSync(cluster.bootstrap, SYNC_WITHIN_MS);
      await preferLeaders(cluster.bootstrap);
      await Bun.sleep(FOLLOWED_MS);
    },
  };
}

/** The right to write one topic is withdrawn and given back. */
export function permissionWithdrawn(): Fault {
  const topic = 'trade-data.asia';
  return {
    name: 'permission-withdrawn',
    lasts: 30,
    least: 18,
    calm: 15,
    expects: 'unready',
    delays: [topic],
    begin: ({ cluster }) => deny(cluster.bootstrap, write(topic)),
    end: ({ cluster }) => undeny(cluster.bootstrap, write(topic)),
  };
}

/**
 * A topic is deleted and made again; the collector may not make it. What was in it is read before, while it may not be
 * written either, so that no acknowledged row goes with it.
 */
export function topicDeleted(): Fault {
  const topic = 'trade-data.eu';
  return {
    name: 'topic-deleted',
    lasts: 25,
    least: 18,
    calm: 20,
    expects: 'unready',
    delays: [topic],
    async begin({ cluster, deleted, read }) {
      await deny(cluster.bootstrap, write(topic));
      await Bun.sleep(SETTLED_MS);
      deleted.push(await read(topic));
      await deleteTopic(cluster.bootstrap, topic);
      await undeny(cluster.bootstrap, write(topic));
    },
    async end({ cluster }) {
      await makeTopic(cluster.bootstrap, topic);
      await inSync(cluster.bootstrap, SYNC_WITHIN_MS);
    },
  };
}
