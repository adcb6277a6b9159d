import type { Row } from '../../src/core/market/rows.ts';
import { eventsOf, isRow, SUBJECTS, sessionFor, textOf } from './fixtures.ts';

/**
 * A program of its own: reads frames that are far larger than what is in them, keeps the rows, and says as JSON how many
 * MB of memory the rows of each exchange and type hold on to. What is cut out of a frame must not keep the frame.
 */
const PADDING = 2 * 1024 * 1024;
const FRAMES = 60;

const grown: Record<string, number> = {};
for (const { exchange, fixtures } of SUBJECTS) {
  for (const type of exchange.types) {
    const own = fixtures.filter((fixture) => fixture.type === type && fixture.expect.length > 0);
    const kept: Row[] = [];
    const before = residentMb();
    for (let n = 0; n < FRAMES; n++) {
      const fixture = own[n % own.length];
      if (!fixture) continue;
      const text = Buffer.from(textOf(fixture, exchange) + ' '.repeat(PADDING)).toString();
      kept.push(...eventsOf(sessionFor(exchange, fixture), text, fixture.received_at).filter(isRow));
      if (n % 10 === 0) Bun.gc(true);
    }
    if (kept.length < FRAMES) throw new Error(`${exchange.id} ${type}: ${kept.length} rows`);
    grown[`${exchange.id} ${type}`] = Math.round(residentMb() - before);
    kept.length = 0;
  }
}
console.log(JSON.stringify(grown));

function residentMb(): number {
  Bun.gc(true);
  return process.memoryUsage().rss / 1e6;
}
