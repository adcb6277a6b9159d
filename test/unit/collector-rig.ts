import { Backfill } from '../../src/application/backfill/backfill.ts';
import type { FillDeps, WrittenTrades } from '../../src/application/backfill/fill-parts.ts';
import { Fences } from '../../src/application/leases/fences.ts';
import type { LeaseDeps } from '../../src/application/leases/lease-parts.ts';
import { ShardLeases } from '../../src/application/leases/shard-leases.ts';
import { StreamFigures } from '../../src/application/metrics/figures.ts';
import { Reporter } from '../../src/application/reporting/reporter.ts';
import type { RestAnswer } from '../../src/application/rest/book-fetches.ts';
import { RestTurns } from '../../src/application/rest/rest-turns.ts';
import type { DesiredStore, FillStore, OpenTimes } from '../../src/application/state-store.ts';
import { Orchestrator } from '../../src/application/streams/orchestrator.ts';
import { SharedOpens } from '../../src/application/streams/shared-opens.ts';
import type { Clock } from '../../src/common/clock.ts';
import { createLog } from '../../src/common/log.ts';
import { LimitedGate } from '../../src/core/connection/open-gate.ts';
import { CONNECTION_DEFAULTS, type ConnectionSettings } from '../../src/core/connection/settings.ts';
import type { StreamEvent } from '../../src/core/events.ts';
import type { Exchange } from '../../src/core/exchange.ts';
import { Markets } from '../../src/core/market/markets.ts';
import { ByteBudget } from '../../src/core/pipeline/budget.ts';
import { Grid } from '../../src/core/pipeline/grid.ts';
import type { Batch, OpenSocket, Writer } from '../../src/core/ports.ts';
import { fakeExchange } from './connection-parts.ts';

export const KEY = { exchange: 'fake', request_type: 'trade' } as const;
const GRID_MS = 50;

/** What makes one collector of a test unlike another. */
export interface CollectorOptions
  extends Pick<LeaseDeps, 'leases' | 'collectors'>,
    Partial<Pick<LeaseDeps, 'process' | 'ended' | 'onFault'>> {
  readonly id: string;
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly desired: DesiredStore;
  readonly writer: Writer;
  readonly openSocket: OpenSocket;
  readonly nextSocketId: () => number;
  readonly onEvent: (event: StreamEvent) => void;
  readonly budget?: ByteBudget;
  readonly windowMs?: number;
  readonly over?: Partial<Exchange>;
  readonly connection?: Partial<ConnectionSettings>;
  /** Where missed trades are fetched; left out: nowhere. */
  readonly rest?: RestSide | undefined;
}

export interface RestSide {
  readonly fills: FillStore;
  readonly opens: OpenTimes;
  readonly maxAgeMs?: number;
  /** Looks into topics; left out: nobody can. */
  readonly written?: WrittenTrades | undefined;
  ask(url: string): Promise<RestAnswer>;
}

export interface Collector {
  readonly orchestrator: Orchestrator;
  readonly leases: ShardLeases;
  readonly fences: Fences;
  readonly gate: LimitedGate;
  readonly backfill: Backfill | null;
}

/** Orchestrator and leases of a collector whose exchange is the fake one, wired as the program does it. */
export function collectorOf(options: CollectorOptions): Collector {
  const { id, clock, ttlMs, desired, writer, openSocket, nextSocketId, onEvent, over = {} } = options;
  const log = createLog('silent', false);
  const reporter = new Reporter({ publish: async () => {} }, clock, log, id);
  reporter.listen(onEvent);
  const markets = new Markets((symbol) => ({ base: symbol, quote: 'KRW' }));
  const exchange = trading(fakeExchange(over), markets);
  const fences = new Fences(clock, ttlMs);
  const gate = new LimitedGate(clock, exchange.limits, null);
  const leases = new ShardLeases({
    exchanges: [KEY.exchange],
    process: null,
    ended: () => false,
    onFault: () => {},
    ...options,
    fences,
    log,
  });
  const budget = options.budget ?? new ByteBudget(1e9);
  const backfill = options.rest
    ? backfillOf(options.rest, { exchange, clock, writer, budget, reporter })
    : null;
  const orchestrator = new Orchestrator({
    clock,
    log,
    writer,
    ...(backfill ? { backfill } : {}),
    budget,
    batch: { windowMs: options.windowMs ?? 100, maxRows: 500, maxBytes: 1e6 },
    grid: new Grid(clock, GRID_MS, (error) => {
      throw error;
    }),
    connection: { ...CONNECTION_DEFAULTS, ...options.connection },
    reporter,
    figures: new StreamFigures(),
    openSocket,
    nextSocketId,
    desired,
    leases,
    pollMs: 5000,
    keys: [KEY],
    exchange: async () => ({
      exchange,
      markets,
      gate,
      socket: { proxy: null, ca: null, localAddress: null },
      url: null,
      book: null,
    }),
  });
  return { orchestrator, leases, fences, gate, backfill };
}

function backfillOf(
  { fills, opens, maxAgeMs = 86_400_000, written, ask }: RestSide,
  { exchange, ...deps }: Pick<FillDeps, 'clock' | 'writer' | 'budget' | 'reporter'> & { exchange: Exchange },
): Backfill {
  const turns = new RestTurns(deps.clock, exchange);
  const backfill = new Backfill([exchange], {
    ...deps,
    written,
    store: fills,
    settings: { maxAgeMs, maxRows: 100_000 },
    turns: () => turns,
    ask: (_, url) => ask(url),
    history: () => new SharedOpens(opens, 'here', deps.clock),
  });
  backfill.start();
  return backfill;
}

/** The fake exchange with trades for rows: {"row":symbol,"id":…,"at":µs}. */
function trading(exchange: Exchange, markets: Markets): Exchange {
  return {
    ...exchange,
    session: () => {
      const plain = exchange.session(KEY.request_type, markets);
      return {
        ...plain,
        read(text, at, emit) {
          const frame = JSON.parse(text);
          const market = markets.get(frame.row ?? '');
          if (frame.row === undefined || !market) return plain.read(text, at, emit);
          emit({
            kind: 'trade',
            market,
            timestamp: frame.at,
            received_at: at,
            stream_type: 'REALTIME',
            trade_id: frame.id,
            fills: 1,
            price: 1,
            volume: 1,
            amount: 1,
            side: 'BUY',
          });
        },
      };
    },
  };
}

/** What the writer says of rows that it does not hand over, because their lease was lost. */
export function superseded({ market, rows }: Batch): StreamEvent['gap'] & { readonly to: number } {
  const times = rows.flatMap(({ timestamp, received_at }) => [timestamp, received_at]);
  return {
    from: Math.min(...times),
    to: Math.max(...times),
    cause: 'cut',
    codes: [market.code],
    first_missing_id: null,
    last_missing_id: null,
  };
}
