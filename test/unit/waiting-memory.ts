import { upbit } from '../../exchanges/upbit.ts';
import { createLog } from '../../src/common/log.ts';
import { cut, Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import { BREAKER_DEFAULTS, Breaker } from '../../src/infra/kafka/client/breaker.ts';
import { encodings } from '../../src/infra/kafka/produce/encodings.ts';
import { Losses } from '../../src/infra/kafka/produce/losses.ts';
import { Rejects } from '../../src/infra/kafka/produce/rejects.ts';
import { SendQueue } from '../../src/infra/kafka/produce/send-queue.ts';
import { kafkaWriter } from '../../src/infra/kafka/produce/writer.ts';
import { TOPIC_FAMILIES } from '../../src/infra/kafka/topics/topics.ts';
import { ManualClock, settle } from './manual-clock.ts';
import { tickerFrame, tradeFrame } from './pipeline-parts.ts';

/**
 * A program of its own: fills a byte budget with rows that nobody acknowledges, and says as JSON how many bytes of memory
 * they take, and how many the budget says.
 *
 *   bun waiting-memory.ts trade|ticker ROWS-PER-MESSAGE avro|json
 */
const [type = 'trade', perMessage = '1', format = 'avro'] = process.argv.slice(2);
const CODES = 400;
const BUDGET_BYTES = 48 * 1024 * 1024;
/** Code is compiled and pools have their size after this part of the budget. */
const WARM = 0.1;

const clock = new ManualClock();
const budget = new ByteBudget(BUDGET_BYTES, 1);
let full = false;
const account = budget.open('trade', (stop) => {
  full ||= stop;
});
const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => {});
const queue = new SendQueue(
  () => 0,
  breaker,
  clock,
  () => true,
);
const versions = new Map(TOPIC_FAMILIES.map((family) => [family, { id: 1, version: 1 }] as const));
const log = createLog('silent', false);
const publisher = { publish: async () => {} };
const pipeline = new StreamPipeline({
  exchange: upbit,
  type: type === 'trade' ? 'trade' : 'ticker',
  limits: { windowMs: 100, maxRows: 500, maxBytes: 262_144 },
  clock,
  grid: new Grid(clock, 50, (error) => {
    throw error;
  }),
  remembered: new RememberedIds(),
  writer: kafkaWriter({
    queue,
    encodings: encodings(format === 'avro' ? versions : null),
    rejects: new Rejects(publisher, clock, log),
    losses: new Losses(clock, log, () => {}),
    clock,
    errorText: String,
  }),
  account,
  stats: new StreamStats(),
  onRejected: ({ reason }) => {
    throw new Error(reason);
  },
  onMissing: () => {},
  stamp: () => ({ correlationId: null, fence: 1 }),
});
const markets = new Markets((symbol) => {
  const parts = cut(symbol, '-');
  return parts && { quote: parts[0], base: parts[1] };
});
const sink = pipeline.attach({
  id: 1,
  session: upbit.session(type === 'trade' ? 'trade' : 'ticker', markets),
  predecessor: null,
  control() {},
  data() {},
});

let id = 17_883_351_803_770_000n;
let rows = 0;
let start = { rows: 0, budget: 0, memory: 0 };
while (!full) {
  for (let n = 0; n < Number(perMessage) && !full; n++) {
    for (let code = 0; code < CODES; code++) {
      const name = `KRW-C${code}`;
      const text =
        type === 'trade' ? tradeFrame(name, String(++id)) : tickerFrame(name, Number(++id % 100_000n));
      sink.push(Buffer.from(text).toString(), clock.micros());
      rows++;
    }
    await settle();
  }
  await clock.advance(100);
  if (start.rows === 0 && budget.used > WARM * BUDGET_BYTES)
    start = { rows, budget: budget.used, memory: resident() };
}
const memory = resident() - start.memory;
const told = budget.used - start.budget;
console.log(
  JSON.stringify({
    type,
    perMessage: Number(perMessage),
    format,
    memory,
    told,
    ratio: memory / told,
    perRow: memory / (rows - start.rows),
  }),
);
process.exit(0);

function resident(): number {
  Bun.gc(true);
  return process.memoryUsage().rss;
}
