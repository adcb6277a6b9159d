import { expect, test } from 'bun:test';
import { type Outcome, runSequence } from './outbox-model.ts';

const SEQUENCES = 10_000;
const STEPS = 15;

test('10,000 random sequences of put, release, crash and opening are as a model in memory has them', async () => {
  const first = Number(process.env.OUTBOX_SEED ?? Math.floor(Math.random() * 1e9));
  console.log(
    `outbox model: seeds ${first} to ${first + SEQUENCES - 1} (OUTBOX_SEED=${first} runs them again)`,
  );
  const sum = { lives: 0, puts: 0, refused: 0, compactions: 0 };
  for (let seed = first; seed < first + SEQUENCES; seed++) {
    const outcome = await runSequence(seed, STEPS).catch((error): Outcome => {
      throw new Error(`OUTBOX_SEED=${seed}: ${error.message}`, { cause: error });
    });
    for (const key of Object.keys(sum) as (keyof Outcome)[]) sum[key] += outcome[key];
  }
  console.log(`outbox model: ${JSON.stringify(sum)}`);
  expect(sum.lives).toBeGreaterThan(SEQUENCES);
  expect(sum.compactions).toBeGreaterThan(0);
}, 300_000);
