import { upbit } from '../../exchanges/upbit.ts';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { Observation } from '../../src/application/metrics/observation.ts';
import { Reporter } from '../../src/application/reporting/reporter.ts';
import type { RunningStream } from '../../src/application/streams/stream.ts';
import { systemClock as clock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import type { Target } from '../../src/core/events.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { MinuteStats } from '../../src/core/pipeline/minute-stats.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import { bothBy } from '../../src/core/writer-forms.ts';

/** What watching the data costs: CPU time of the same rows through the same pipeline, watched and not. */
export interface ObservationCost {
  readonly on_us: number;
  readonly off_us: number;
  /** Median of the differences of neighbouring runs, µs per row. */
  readonly cost_us: number;
}

const RUNS = 7;
const ROWS = 300_000;
const CODES = 100;
const PER_TURN = 200;
const TARGET: Target = { exchange: 'upbit', region: 'korea', request_type: 'trade' };

const nothing = { record() {} };

/** A minute that counts nothing. */
class BlindMinute extends MinuteStats {
  override readonly network = Object.assign(Object.create(null), nothing);
  override readonly delivery = Object.assign(Object.create(null), nothing);
}
const BLIND = new BlindMinute(0);

class BlindStats extends StreamStats {
  override minute(): MinuteStats {
    return BLIND;
  }
}

/** Runs watched and unwatched in turn and compares neighbours, so that a machine that slows down tells nothing. */
export async function observationCost(): Promise<ObservationCost> {
  const frames = makeFrames();
  await run(frames, true);
  await run(frames, false);
  const on: number[] = [];
  const off: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    on.push(await run(frames, true));
    off.push(await run(frames, false));
  }
  const costs = on.map((value, n) => value - (off[n] ?? 0));
  return { on_us: median(on), off_us: median(off), cost_us: median(costs) };
}

/** CPU µs per row. */
async function run(frames: readonly string[], watched: boolean): Promise<number> {
  const figures = new StreamFigures();
  const stats = watched ? figures.begin(TARGET, clock.micros()) : new BlindStats();
  const budget = new ByteBudget(1e9);
  const log = createLog('silent', false);
  const publisher = { publish: async () => {} };
  const observation = new Observation({
    clock,
    log,
    publisher,
    reporter: new Reporter(publisher, clock, log, 'bench'),
    budget,
    figures,
    streams: (): RunningStream[] => [],
  });
  const markets = new Markets((symbol) => {
    const parts = cut(symbol, '-');
    return parts && { quote: parts[0], base: parts[1] };
  });
  const pipeline = new StreamPipeline({
    exchange: upbit,
    type: 'trade',
    limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144 },
    clock,
    grid: new Grid(clock, 50, (error) => {
      throw error;
    }),
    remembered: new RememberedIds(),
    writer: bothBy(async () => ({ at: clock.micros(), bytes: 100 })),
    account: budget.open('trade', () => {}),
    stats,
    onRejected: () => {},
    onMissing: () => {},
    stamp: () => ({ correlationId: null, fence: null }),
  });
  const sink = pipeline.attach({
    id: 1,
    session: upbit.session('trade', markets),
    predecessor: null,
    control() {},
    data() {},
  });
  Bun.gc(true);
  if (watched) observation.start();
  const before = process.cpuUsage();
  for (let sent = 0; sent < ROWS; ) {
    for (let n = 0; n < PER_TURN; n++) sink.push(frames[sent++] ?? '', clock.micros());
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  sink.end();
  await pipeline.finish();
  await pipeline.settled();
  const { user, system } = process.cpuUsage(before);
  if (watched) observation.stop();
  if (stats.acked !== ROWS) throw new Error(`${stats.acked} of ${ROWS} rows came through`);
  return (user + system) / ROWS;
}

function makeFrames(): string[] {
  return Array.from({ length: ROWS }, (_, n) => {
    const code = `KRW-C${n % CODES}`;
    return `{"type":"trade","code":"${code}","trade_timestamp":${Date.now()},"trade_price":5,"trade_volume":2,"ask_bid":"BID","sequential_id":${n},"stream_type":"REALTIME"}`;
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

if (import.meta.main) {
  const { on_us, off_us, cost_us } = await observationCost();
  console.log(
    `watched ${on_us.toFixed(3)} µs/row, not ${off_us.toFixed(3)}, cost ${cost_us.toFixed(3)} µs/row`,
  );
}
