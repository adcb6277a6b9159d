import { bookPulse } from './books/book-pulse.ts';
import type { BookState } from './books/exchange-books.ts';
import type { Command } from './commands.ts';
import { serveControl } from './control.ts';
import { Door } from './door.ts';
import { FloodDoor } from './flood/flood-door.ts';
import { Ledger } from './ledger.ts';
import { perform } from './perform.ts';
import type { Protocol, Rules } from './protocol.ts';
import { protocols } from './protocols/index.ts';
import { seededRandom } from './random.ts';
import { LagWatch } from './rate-window.ts';
import type { RestLimits } from './rest/service.ts';
import { rowPulse } from './row-pulse.ts';
import { SimExchange } from './sim-exchange.ts';

export interface SimulatorOptions {
  /** Ids of `protocols/index.ts`. */
  readonly exchanges: readonly string[];
  /** Markets per exchange; 50. */
  readonly symbols?: number;
  /** Rows in one second over all that was ever subscribed; 0: events happen only by `do({do:'event'})`. */
  readonly rowsPerS?: number;
  /** Level changes in one second over all order books that were ever subscribed; 0. Spread as rows are. */
  readonly bookChangesPerS?: number;
  /** 0 spreads them evenly (the default), 1 by Zipf's law. */
  readonly zipf?: number;
  /** Same seed, same names, prices and choices. */
  readonly seed?: number;
  /** `shared`: one port for all exchanges (the default); `each`: a port per exchange, so that one can be shut. */
  readonly ports?: 'shared' | 'each';
  /** Port of the exchanges where it is shared; 0 picks one. */
  readonly port?: number;
  readonly controlPort?: number;
  /** Rules that differ from the published ones, by exchange: short intervals for tests. */
  readonly rules?: Readonly<Record<string, Partial<Rules>>>;
  /** REST limits that differ from the published ones, by exchange. */
  readonly restLimits?: Readonly<Record<string, Partial<RestLimits>>>;
  /** Trades of the past that an exchange keeps for REST, over all its codes; 200,000, without `keepRows` 50,000. */
  readonly pastRows?: number;
  /** The exchanges' time of trades and tickers is so far from the clock; 0. For midnights and days long ago. */
  readonly shiftMs?: number;
  /** Protocols beside those of `protocols/index.ts`. */
  readonly protocols?: readonly Protocol[];
  /**
   * Sockets get ready-made frames as fast as they read, this many rows each (Infinity: without end); no rate, no rows
   * in the ledger, only counts. For measurements, from a process of its own.
   */
  readonly floodRows?: number;
  /** False for long runs: rows are counted and not kept. */
  readonly keepRows?: boolean;
}

export interface Simulator {
  readonly ledger: Ledger;
  readonly exchanges: ReadonlyMap<string, SimExchange>;
  /** Value of EXCHANGE_<ID>_URL. */
  url(exchange: string): string;
  /** Value of EXCHANGE_<ID>_REST_URL. */
  restUrl(exchange: string): string;
  /** Base address of the control endpoint. */
  readonly controlUrl: string;
  /** Both variables of every exchange. */
  env(): Record<string, string>;
  /** Native ids of an exchange's market list, in its order. */
  symbols(exchange: string): string[];
  /** A code's book as its subscribers have it now. @param channel the first that is heard where it is left out */
  book(exchange: string, symbol: string, channel?: string): BookState;
  /** Carries out a command; throws an Error where it names what is not there. @returns how many things it touched */
  do(command: Command): Promise<number>;
  stop(): Promise<void>;
}

export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const seed = options.seed ?? 1;
  const random = seededRandom(seed);
  const ledger = new Ledger(options.keepRows);
  const lag = new LagWatch();
  const rows = options.pastRows ?? (options.keepRows === false ? 50_000 : 200_000);
  const past = { rows, shiftMs: options.shiftMs ?? 0 };
  let sockets = 0;
  const exchanges = new Map(
    options.exchanges.map((id) => {
      const protocol = find(id, options);
      const count = options.symbols ?? 50;
      const next = () => ++sockets;
      return [id, new SimExchange(protocol, ledger, lag, random, count, seed, next, past)];
    }),
  );
  const doors = openDoors(exchanges, options);
  const pulse = rowPulse([...exchanges.values()], random, options.rowsPerS ?? 0, options.zipf ?? 0);
  const books = [...exchanges.values()].map((exchange) => exchange.books);
  const changesPerS = options.bookChangesPerS ?? 0;
  // A flood has books of its own, into which these would say that they are idle.
  const told = options.floodRows === undefined ? books : [];
  // Chance of its own: with or without books a seed means the same trades.
  const changes = bookPulse(told, seededRandom(seed + 1), changesPerS, options.zipf ?? 0);
  const door = (exchange: string): Door => {
    const found = doors.get(exchange);
    if (!found) throw new Error(`the simulator does not run ${exchange}`);
    return found;
  };
  const flood = options.floodRows === undefined ? null : new FloodDoor(exchanges, options.floodRows);
  const url = (exchange: string) => `ws://127.0.0.1:${(flood ?? door(exchange)).port}/${exchange}`;
  const restUrl = (exchange: string) => `http://127.0.0.1:${door(exchange).port}/${exchange}`;
  const run = (command: Command) => perform(command, { exchanges, ledger, pulse, bookPulse: changes, door });
  const control = serveControl(options.controlPort ?? 0, ledger, run);

  return {
    ledger,
    exchanges,
    url,
    restUrl,
    controlUrl: control.url,
    env: () =>
      Object.fromEntries(
        [...exchanges.keys()].flatMap((id) => [
          [`EXCHANGE_${id.toUpperCase()}_URL`, url(id)],
          [`EXCHANGE_${id.toUpperCase()}_REST_URL`, restUrl(id)],
        ]),
      ),
    symbols: (exchange) => exchanges.get(exchange)?.listings.map(({ symbol }) => symbol) ?? [],
    book(exchange, symbol, channel) {
      const found = exchanges.get(exchange);
      if (!found) throw new Error(`the simulator does not run ${exchange}`);
      return found.books.state(symbol, channel);
    },
    do: run,
    async stop() {
      pulse.stop();
      changes.stop();
      lag.stop();
      flood?.stop();
      await control.stop();
      for (const each of new Set(doors.values())) await each.stop();
    },
  };
}

function find(id: string, options: SimulatorOptions): Protocol {
  const protocol = options.protocols?.find((own) => own.id === id) ?? protocols[id];
  if (!protocol) throw new Error(`no protocol ${id}; there are ${Object.keys(protocols).join(', ')}`);
  const { restService } = protocol;
  const limits = options.restLimits?.[id];
  return {
    ...protocol,
    rules: { ...protocol.rules, ...options.rules?.[id] },
    ...(restService && { restService: { ...restService, limits: { ...restService.limits, ...limits } } }),
  };
}

/** The door of each exchange by id; one for all where the port is shared. */
function openDoors(exchanges: Map<string, SimExchange>, options: SimulatorOptions): Map<string, Door> {
  if (options.ports === 'each') {
    return new Map([...exchanges].map(([id, exchange]) => [id, new Door(new Map([[id, exchange]]))]));
  }
  const shared = new Door(exchanges, options.port);
  return new Map([...exchanges.keys()].map((id) => [id, shared]));
}
