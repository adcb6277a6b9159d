import { expect, test } from 'bun:test';
import { apply } from '../../src/core/desired/apply.ts';
import { reselect } from '../../src/core/desired/reselect.ts';
import { type DesiredStream, emptyStream } from '../../src/core/desired/stream.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { KEY } from './collector-rig.ts';
import { Chance, emptyModel, fold, NOW, RULES, refresh } from './desired-model.ts';
import { World } from './lease-rig.ts';
import { randomOf } from './random.ts';

/** From commands by chance to what the sockets of a collector carry in the end. */

const SEED = Number(process.env.KCS_SEED ?? Date.now() % 1_000_000_007);
/** A thousand are worth their time after a change of what is wanted, or of what carries it. */
const SEQUENCES = Number(process.env.KCS_SEQUENCES ?? 250);

test(`after ${SEQUENCES} random command sequences the sockets carry what an independent fold says (seed ${SEED})`, async () => {
  const random = randomOf(SEED);
  const chance = new Chance(random);
  let carriedSome = 0;
  for (let sequence = 0; sequence < SEQUENCES; sequence++) {
    const world = new World();
    const collector = await world.join('one');
    const markets = new Markets(() => null);
    let listed = chance.relist(markets);
    const model = emptyModel();
    let desired: DesiredStream = emptyStream({ exchange: 'upbit', request_type: 'ticker' });
    chance.begin();
    for (let step = 0; step < 25; step++) {
      let next: DesiredStream;
      if (chance.happens(0.08)) {
        listed = chance.relist(markets);
        refresh(model, listed);
        next = reselect(desired, markets, RULES).desired;
      } else {
        const command = chance.command();
        fold(model, command, listed);
        next = apply(desired, command, { rules: RULES, markets, nowMs: NOW }).desired;
      }
      if (next === desired) continue;
      await world.store.desired.write(desired.version, { ...next, ...KEY });
      desired = next;
      // Some changes meet a stream at rest, some one that is still busy with the change before.
      if (chance.happens(0.4)) await world.clock.advance(random() * 40);
    }
    await world.clock.advance(1500);
    expect(collector.carries().sort()).toEqual([...model.named].sort());
    if (model.named.size > 0) carriedSome++;
    collector.crash();
  }
  expect(carriedSome).toBeGreaterThan(SEQUENCES / 3);
}, 120_000);
