import { describe, expect, test } from 'bun:test';
import { type Peer, type Sharable, toGive, toTake } from '../../src/application/leases/share.ts';
import { shardKey } from '../../src/application/state-store.ts';
import { seeded } from './connection-parts.ts';

const PATIENCE_MS = 1000;

function shardsOf(exchanges: readonly string[], each: number): Sharable[] {
  return exchanges.flatMap((exchange) =>
    Array.from({ length: each }, (_, shard) => ({
      shard: { exchange, request_type: 'trade' as const, shard },
      holder: null,
      freeMs: 0,
    })),
  );
}

/** All collectors look by turns, in an order of chance, until nobody moves anything. @returns how many shards moved */
function settle(peers: readonly Peer[], shards: Sharable[], random: () => number): number {
  let moved = 0;
  for (let round = 0, still = 0; still < 3; round++) {
    if (round > 200) throw new Error('it never comes to rest');
    let changes = 0;
    const put = (wanted: readonly { exchange: string; shard: number }[], holder: string | null): void => {
      for (const { exchange, shard } of wanted) {
        const at = shards.findIndex((one) => one.shard.exchange === exchange && one.shard.shard === shard);
        const one = shards[at];
        if (one) shards[at] = { ...one, holder, freeMs: 0 };
        changes++;
      }
    };
    for (const me of peers.toSorted(() => random() - 0.5)) {
      const others = peers.filter(({ id }) => id !== me.id);
      const question = { me, others, shards, patienceMs: PATIENCE_MS };
      put(toTake(question), me.id);
      const given = toGive({ ...question, shards });
      expect(given.length).toBeLessThanOrEqual(4);
      put(given, null);
      moved += given.length;
    }
    // Time passes: what is free stays free for as long as a patience.
    shards.forEach((one, at) => {
      if (one.holder === null && still > 0) shards[at] = { ...one, freeMs: PATIENCE_MS };
    });
    still = changes === 0 ? still + 1 : 0;
  }
  return moved;
}

function counts(peers: readonly Peer[], shards: readonly Sharable[]): number[] {
  return peers.map(({ id }) => shards.filter(({ holder }) => holder === id).length);
}

describe('sharing', () => {
  test('whoever is there, joins and leaves: it comes to rest, all held, equal to one, and little moves', () => {
    const random = seeded(7);
    for (let run = 0; run < 60; run++) {
      const exchanges = ['upbit', 'binance', 'kraken'];
      const total = 1 + Math.floor(random() * 12);
      const shards = shardsOf(exchanges, total);
      const peers: Peer[] = [];
      for (let step = 0; step < 6; step++) {
        if (peers.length > 1 && random() < 0.4) {
          const [gone] = peers.splice(Math.floor(random() * peers.length), 1);
          shards.forEach((one, at) => {
            if (one.holder === gone?.id) shards[at] = { ...one, holder: null, freeMs: 0 };
          });
        } else peers.push({ id: `c${run}-${step}`, exchanges });
        const before = counts(peers, shards);
        const moved = settle(peers, shards, random);
        const held = counts(peers, shards);
        expect(held.reduce((sum, count) => sum + count, 0)).toBe(shards.length);
        expect(Math.max(...held) - Math.min(...held)).toBeLessThanOrEqual(1);
        // Nobody hands over more than it has above its share.
        const share = Math.floor(shards.length / peers.length);
        const above = before.reduce((sum, count) => sum + Math.max(0, count - share), 0);
        expect(moved).toBeLessThanOrEqual(above);
      }
    }
  });

  test('with exchanges that only some may run, none is left out and nothing moves for ever', () => {
    const random = seeded(11);
    for (let run = 0; run < 60; run++) {
      const exchanges = ['upbit', 'binance', 'kraken'];
      const shards = shardsOf(exchanges, 1 + Math.floor(random() * 6));
      const peers = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, at) => ({
        id: `c${run}-${at}`,
        exchanges: at === 0 ? exchanges : exchanges.filter(() => random() < 0.6),
      }));
      settle(peers, shards, random);
      expect(shards.filter(({ holder }) => holder === null).map(({ shard }) => shardKey(shard))).toEqual([]);
      for (const { shard, holder } of shards)
        expect(peers.find(({ id }) => id === holder)?.exchanges).toContain(shard.exchange);
    }
  });

  test('what is handed over comes from the exchange with the most shards, and only to one that may run it', () => {
    const me = { id: 'a', exchanges: ['upbit', 'kraken'] };
    const held = [...shardsOf(['upbit'], 6), ...shardsOf(['kraken'], 2)].map((one) => ({
      ...one,
      holder: 'a',
    }));
    const ask = (exchanges: string[]) =>
      toGive({ me, others: [{ id: 'b', exchanges }], shards: held, patienceMs: PATIENCE_MS });
    expect(ask(['upbit', 'kraken']).map(({ exchange }) => exchange)).toEqual(Array(4).fill('upbit'));
    expect(ask(['kraken']).map(({ exchange }) => exchange)).toEqual(['kraken']);
    expect(ask(['binance'])).toEqual([]);
  });
});
