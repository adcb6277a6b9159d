import { afterAll, expect, setDefaultTimeout, test } from 'bun:test';
import { runBooks } from '../integration/books/run.ts';
import type { Run } from '../integration/eleven-parts.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(600_000);

let run: Run | null = null;
afterAll(() => run?.end());

/** `books.long.ts` is the same with twenty codes and for minutes. */
test('a reader in Python has every book of every exchange, at random moments and at the end, through all faults of books', async () => {
  const found = await runBooks(
    {
      codes: 4,
      changesPerS: 800,
      quietMs: 8000,
      paceMs: 1200,
      momentMs: 150,
      keyframeMs: 5000,
      healMs: 8000,
    },
    (started) => {
      run = started;
    },
    () => {},
  );
  expect(found).toMatchObject({
    other: [],
    last: [],
    untold: [],
    falseBreaks: [],
    quietGaps: [],
    holes: [],
    begun: [],
  });
  expect(found.compared).toBeGreaterThanOrEqual(100);
  expect(found.breaks).toBeGreaterThan(0);
});
