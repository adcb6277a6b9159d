import { systemClock } from '../../src/common/clock.ts';
import { rewriteAddress } from '../../src/core/address.ts';
import type { ConnectionParts } from '../../src/core/connection/connection-parts.ts';
import { LimitedGate } from '../../src/core/connection/open-gate.ts';
import { CONNECTION_DEFAULTS } from '../../src/core/connection/settings.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import type { OnRejected } from '../../src/core/pipeline/chunks.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import { RememberedIds } from '../../src/core/pipeline/remembered-ids.ts';
import { StreamPipeline } from '../../src/core/pipeline/stream-pipeline.ts';
import { StreamStats } from '../../src/core/pipeline/stream-stats.ts';
import type { Batch } from '../../src/core/ports.ts';
import { bothBy } from '../../src/core/writer-forms.ts';
import { bunSockets } from '../../src/infra/websocket/open-socket.ts';
import type { Simulator } from '../simulator/simulator.ts';

/** What it takes to bring the trades of a simulated exchange through real sockets and the real pipeline to a test. */
export interface TradeFeed {
  readonly markets: Markets;
  readonly pipeline: StreamPipeline;
  readonly parts: ConnectionParts;
  /** Sockets opened so far. */
  opened(): number;
}

export async function tradeFeed(
  exchange: Exchange,
  simulator: Simulator,
  take: (batch: Batch) => void,
  onRejected: OnRejected = () => {},
): Promise<TradeFeed> {
  const pipeline = new StreamPipeline({
    exchange,
    type: 'trade',
    limits: { windowMs: 50, maxRows: 500, maxBytes: 262_144 },
    clock: systemClock,
    grid: new Grid(systemClock, 25, (error) => {
      throw error;
    }),
    remembered: new RememberedIds(),
    writer: bothBy(async (batch) => {
      take(batch);
      return { at: systemClock.micros(), bytes: 0 };
    }),
    account: new ByteBudget(1 << 27).open('trade', () => {}),
    stats: new StreamStats(),
    onRejected,
    onMissing: () => {},
    stamp: () => ({ correlationId: null, fence: null }),
  });
  const bodies = exchange.markets.urls.map((url) =>
    fetch(rewriteAddress(url, simulator.restUrl(exchange.id))).then((response) => response.json()),
  );
  const markets = new Markets(exchange.markets.split, exchange.markets.parse(await Promise.all(bodies)));
  let opened = 0;
  const parts: ConnectionParts = {
    exchange,
    type: 'trade',
    markets,
    url: rewriteAddress(exchange.endpoint('trade'), simulator.url(exchange.id)),
    socket: { proxy: null, ca: null, localAddress: null },
    settings: CONNECTION_DEFAULTS,
    clock: systemClock,
    openSocket: bunSockets(systemClock),
    gate: new LimitedGate(systemClock, exchange.limits, null),
    pipe: (handle) => pipeline.attach(handle),
    nextSocketId: () => ++opened,
  };
  return { markets, pipeline, parts, opened: () => opened };
}
