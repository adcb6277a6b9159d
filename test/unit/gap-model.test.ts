import { expect, test } from 'bun:test';
import { live } from './gap-life.ts';

/** GAP_MODEL_SEED and GAP_MODEL_RUNS look further. */
const FIRST = Number(process.env.GAP_MODEL_SEED ?? 1);
const RUNS = Number(process.env.GAP_MODEL_RUNS ?? 300);
test(`whatever happens, a trade is written or lies in a gap that has an end (${RUNS} seeds from ${FIRST})`, async () => {
  let due = 0;
  let written = 0;
  for (let seed = FIRST; seed < FIRST + RUNS; seed++) {
    const { model, done } = await live(seed);
    due += model.due.length;
    written += model.written.size;
    const found = {
      lost: model.lost(),
      dangling: model.dangling(),
      late: model.told.filter(({ late }) => late),
      disordered: model.told.filter(({ gap }) => gap.to !== null && gap.to < gap.from),
    };
    const none = { lost: [], dangling: [], late: [], disordered: [] };
    expect({ seed, done, ...found }).toEqual({ seed, done, ...none });
  }
  // Else nothing was tested.
  expect(written).toBeGreaterThan(due / 3);
  expect(due).toBeGreaterThan(RUNS * 30);
}, 600_000);
