import { expect, setDefaultTimeout, test } from 'bun:test';
import { flaw } from '../../src/core/market/validate.ts';
import { between, seededRandom } from '../simulator/random.ts';
import { eventsOf, type Fixture, isRow, SUBJECTS, sessionFor, textOf } from './fixtures.ts';
import { mutantOf } from './mutate.ts';
import { survive } from './rules/hostile.ts';

// Real servers and processes take their time on a busy machine.
setDefaultTimeout(60_000);

const MUTANTS = 10_000;

/** One session per type reads them all, as one socket would. */
test.each(['upbit', 'binance'])(
  `%s: ${MUTANTS} mutated frames, no crash and no row of a wrong type`,
  (id) => {
    const subject = SUBJECTS.find(({ exchange }) => exchange.id === id);
    expect(subject).toBeDefined();
    if (!subject) return;
    const { exchange, fixtures } = subject;
    const frames = fixtures.filter((fixture) => fixture.expect.length > 0);
    const random = seededRandom(1_790_134_800);
    const sessions = new Map(
      exchange.types.map((type) => [type, sessionFor(exchange, { ...(frames[0] as Fixture), type })]),
    );
    const outcome = { rows: 0, refusedRows: 0, rejects: 0, control: 0 };
    for (let i = 0; i < MUTANTS; i++) {
      const fixture = frames[between(random, 0, frames.length - 1)] as Fixture;
      const session = sessions.get(fixture.type) as ReturnType<typeof sessionFor>;
      const mutant = mutantOf(textOf(fixture, exchange), random);
      survive(session, fixture, mutant);
      for (const event of eventsOf(session, mutant.text, fixture.received_at)) {
        if (isRow(event)) outcome[flaw(event) === null ? 'rows' : 'refusedRows']++;
        else outcome[event.kind === 'reject' ? 'rejects' : 'control']++;
      }
    }
    // The lottery must have drawn all sorts, or it proves nothing.
    for (const count of Object.values(outcome)) expect(count).toBeGreaterThan(MUTANTS / 200);
  },
);
