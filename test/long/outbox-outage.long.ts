/**
 * Brokers away for long at 5,000 rows a second, with a budget of 16 MiB: no socket is paused, memory stands, and afterwards
 * every trade is in Kafka once and in order. Some 25 minutes.
 *
 *   bun test/long/outbox-outage.long.ts [--minutes 20] [--rate 5000]
 */
import { parseArgs } from 'node:util';
import { outage } from '../integration/outbox-outage.ts';
import { OutboxWorld } from '../integration/outbox-parts.ts';
import { subscribed } from '../integration/spine-parts.ts';
import { endAllServers } from '../services/scratch.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '20' }, rate: { type: 'string', default: '5000' } },
});
const CODES = 100;
const BUDGET = 16 * 1024 * 1024;
const MIB_MORE = 60;
/** Ledger and socket. */
const WITHIN_MS = 200;

let passed = 0;
let failed = 0;

function check(what: string, holds: boolean, seen: unknown): void {
  console.log(`${holds ? 'pass' : 'FAIL'}: ${what} (${JSON.stringify(seen)})`);
  if (holds) passed++;
  else failed++;
}

const world = await OutboxWorld.start(['upbit', 'bithumb', 'binance', 'okx'], {
  ...{ codes: CODES, rowsPerS: Number(values.rate) },
  flags: ['--set', `budget.bytes=${BUDGET}`],
});
world.begin();
await subscribed(world.simulator, CODES);
await Bun.sleep(5_000);
const seen = await outage(world, Number(values.minutes) * 60_000);
console.log(JSON.stringify(seen));
check('no stream was paused', seen.paused === 0, seen.paused);
check('memory stands', seen.mostMiB - seen.settledMiB < MIB_MORE, [seen.settledMiB, seen.mostMiB]);
check('all that was on disk alone was read back', seen.spilled === seen.readBack, seen.spilled);
check('caught up', seen.catchUpS < Number(values.minutes) * 60, [seen.catchUpS, seen.catchUpRowsPerS]);
const life = world.lives.at(-1);
if (life) life.to = Date.now();
check('stopped in order', (await world.collector?.stop())?.code === 0, null);
const { missing, doubled, disordered, sent, trades, late } = await world.verdict(WITHIN_MS);
check('every trade is in Kafka', missing.length === 0, [sent, trades, missing.length]);
check('once', doubled.length === 0, doubled.length);
check('in order', disordered.length === 0, disordered.length);
check('none late', late === 0, late);
await world.end();
await endAllServers();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
