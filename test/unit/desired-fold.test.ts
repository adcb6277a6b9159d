import { expect, test } from 'bun:test';
import { apply } from '../../src/core/desired/apply.ts';
import { reselect } from '../../src/core/desired/reselect.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { Chance, emptyModel, fold, NOW, PER_SOCKET, RULES, refresh } from './desired-model.ts';
import { randomOf } from './random.ts';

/** The reducer against a meaning of commands that was written a second time, over random sequences. */

const SEED = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
const SEQUENCES = 1000;

function checkShards(before: DesiredStream, after: DesiredStream): void {
  expect(after.shards.flat().sort()).toEqual([...after.codes].sort());
  for (const shard of after.shards) expect(shard.length).toBeLessThanOrEqual(PER_SOCKET);
  expect(after.shards.at(-1)).not.toEqual([]);
  const place = new Map(before.shards.flatMap((shard, at) => shard.map((symbol) => [symbol, at] as const)));
  after.shards.forEach((shard, at) => {
    for (const symbol of shard) expect(place.get(symbol) ?? at).toBe(at);
  });
}

test(`${SEQUENCES} random command sequences mean what an independent fold says (seed ${SEED})`, () => {
  const chance = new Chance(randomOf(SEED));
  const outcomes: Record<string, number> = {};

  for (let sequence = 0; sequence < SEQUENCES; sequence++) {
    const markets = new Markets(() => null);
    let listed = chance.relist(markets);
    const model = emptyModel();
    let desired = emptyStream({ exchange: 'upbit', request_type: 'ticker' });
    chance.begin();

    for (let step = 0; step < 25; step++) {
      if (chance.happens(0.08)) {
        listed = chance.relist(markets);
        const next = reselect(desired, markets, RULES).desired;
        checkShards(desired, next);
        desired = next;
        refresh(model, listed);
        expect(new Set(desired.codes)).toEqual(model.named);
        continue;
      }
      const command = chance.command();
      const { desired: next, reply } = apply(desired, command, { rules: RULES, markets, nowMs: NOW });
      const expected = fold(model, command, listed);
      outcomes[expected] = (outcomes[expected] ?? 0) + 1;
      expect({ outcome: reply.outcome, command }).toEqual({
        outcome: expected as typeof reply.outcome,
        command,
      });
      expect(new Set(next.codes)).toEqual(model.named);
      expect(next.codes).toHaveLength(model.named.size);
      expect(next.selector).toBe(model.all ? '*' : null);
      expect(new Set(next.exceptions)).toEqual(model.out);
      expect(new Set(next.configured)).toEqual(new Set([...model.own, ...(model.ownAll ? ['*'] : [])]));
      expect(new Set(next.pinned)).toEqual(model.fixedAll ? new Set(['*']) : model.fixed);
      expect(next.version).toBe(desired.version + (next === desired ? 0 : 1));
      expect(next === desired).toBe(expected !== 'accepted' || command.action === 'status');
      checkShards(desired, next);
      const again = apply(next, command, { rules: RULES, markets, nowMs: NOW });
      if (expected === 'accepted') expect(again.desired).toBe(next);
      desired = next;
    }
  }
  // All kinds of outcomes were met, so that the comparison says something.
  for (const outcome of ['accepted', 'noop', 'refused']) expect(outcomes[outcome]).toBeGreaterThan(1000);
});
