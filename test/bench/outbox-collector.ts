/**
 * What the outbox costs: CPU of the collector for each row, with it and without, and the bytes it writes for each, by turns.
 *
 *   bun test/bench/outbox-collector.ts [--rate 3000] [--seconds 20] [--rounds 5]
 */
import { parseArgs } from 'node:util';
import { OutboxWorld } from '../integration/outbox-parts.ts';
import { endAllServers } from '../services/scratch.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '3000' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '5' },
  },
});
const CODES = 60;
const WARM_MS = 8_000;

interface Figures {
  readonly cpuS: number;
  readonly rows: number;
  readonly written: number;
}

async function figures(url: string): Promise<Figures> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const sum = (name: string) =>
    Array.from(text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'gm'))).reduce(
      (all, [, value]) => all + Number(value),
      0,
    );
  return {
    cpuS: sum('kcs_process_cpu_seconds_total'),
    rows: sum('kcs_rows_acknowledged_total'),
    written: sum('kcs_outbox_written_bytes_total'),
  };
}

const world = await OutboxWorld.start(['upbit', 'binance'], { codes: CODES, rowsPerS: Number(values.rate) });
const measured: Record<'off' | 'on', number[]> = { off: [], on: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  // What changes on the machine meanwhile falls on both.
  for (const how of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
    world.begin(how === 'on' ? 'one' : null);
    await Bun.sleep(WARM_MS);
    const before = await figures(world.url);
    await Bun.sleep(Number(values.seconds) * 1000);
    const after = await figures(world.url);
    await world.collector?.stop();
    const rows = after.rows - before.rows;
    const micros = ((after.cpuS - before.cpuS) * 1e6) / rows;
    measured[how].push(micros);
    const bytes =
      how === 'on' ? `, ${((after.written - before.written) / rows).toFixed(0)} bytes written a row` : '';
    console.log(`outbox ${how}: ${micros.toFixed(2)} µs of CPU a row, ${rows} rows${bytes}`);
  }
}
const median = (of: readonly number[]) => of.toSorted((a, b) => a - b)[of.length >> 1] ?? Number.NaN;
const pairs = measured.on.map((on, at) => on - (measured.off[at] ?? Number.NaN));
console.log(
  `medians: ${median(measured.off).toFixed(2)} µs without, ${median(measured.on).toFixed(2)} µs with; on top of its pair: ${median(pairs).toFixed(2)} µs a row (${pairs.map((one) => one.toFixed(2)).join(', ')})`,
);
await world.end();
await endAllServers();
process.exit(0);
