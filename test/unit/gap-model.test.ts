import { expect, test } from 'bun:test';
import { ALL_STEPS, AWAY_STEPS, FIRST_AWAY_STEPS, FIRST_STEPS, live } from './gap-life.ts';

/** GAP_MODEL_SEED and GAP_MODEL_RUNS look further. */
const FIRST = Number(process.env.GAP_MODEL_SEED ?? 1);
const RUNS = Number(process.env.GAP_MODEL_RUNS ?? 120);
/** Each showed a fault of the program, with the steps that there were. */
const FOUND = [
  ...[
    200_062, 200_122, 200_154, 200_241, 200_365, 200_466, 200_585, 200_841, 200_913, 200_965, 201_133,
    201_182,
  ],
  ...[
    201_676, 201_853, 203_302, 206_050, 206_720, 206_755, 208_864, 209_500, 400_657, 402_486, 403_662,
    403_919,
  ],
  ...[202_075, 501_545],
];
const FOUND_SINCE = [7375, 10_794];
const FOUND_FIRST_AWAY = [2636, 2685, 4190, 8902, 11_717];
const FOUND_AWAY = [3420, 6302, 300_973];
const FOUND_FAR = [53, 855, 1569, 1948, 2543];

test(`whatever happens, a trade is written or lies in a gap that has an end (${RUNS} seeds from ${FIRST}, and those that once failed)`, async () => {
  let due = 0;
  let written = 0;
  const lives: readonly { seed: number; steps: Parameters<typeof live>[1]; far?: boolean }[] = [
    ...[ALL_STEPS, AWAY_STEPS].flatMap((steps) =>
      Array.from({ length: RUNS }, (_, at) => ({ seed: FIRST + at, steps })),
    ),
    ...Array.from({ length: RUNS }, (_, at) => ({ seed: FIRST + at, steps: AWAY_STEPS, far: true })),
    ...FOUND.map((seed) => ({ seed, steps: FIRST_STEPS })),
    ...FOUND_SINCE.map((seed) => ({ seed, steps: ALL_STEPS })),
    ...FOUND_FAR.map((seed) => ({ seed, steps: ALL_STEPS, far: true })),
    ...FOUND_FIRST_AWAY.map((seed) => ({ seed, steps: FIRST_AWAY_STEPS })),
    ...FOUND_AWAY.map((seed) => ({ seed, steps: AWAY_STEPS })),
  ];
  for (const { seed, steps, far = false } of lives) {
    const { model, done } = await live(seed, steps, far);
    due += model.due.length;
    written += model.written.size;
    const found = {
      lost: model.lost(),
      dangling: model.dangling(),
      late: model.told.filter(({ late }) => late),
      disordered: model.told.filter(({ gap }) => gap.to !== null && gap.to < gap.from),
    };
    const none = { lost: [], dangling: [], late: [], disordered: [] };
    expect({ seed, far, done, ...found }).toEqual({ seed, far, done, ...none });
  }
  // Else nothing was tested.
  expect(written).toBeGreaterThan(due / 3);
  expect(due).toBeGreaterThan(RUNS * 60);
}, 600_000);
