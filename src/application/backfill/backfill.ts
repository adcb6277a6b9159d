import type { Cancel } from '../../common/clock.ts';
import type { Exchange } from '../../core/exchange.ts';
import { ExchangeFills } from './exchange-fills.ts';
import type { FillDeps, FilledExchange, FillFigures } from './fill-parts.ts';

const LOOK_MS = 500;
/** Looks between two notes of how far the trades got. */
const KEEP_EVERY = 2;

/**
 * Trades that were missed and are fetched over REST afterwards. Each exchange is asked at its own pace and none waits for
 * another: those that forget soon need no turn before those that do not.
 */
export class Backfill {
  readonly #deps: FillDeps;
  readonly #exchanges: ReadonlyMap<string, ExchangeFills>;
  #cancel: Cancel = () => {};
  #looks = 0;
  #keeping = false;

  constructor(exchanges: readonly Exchange[], deps: FillDeps) {
    this.#deps = deps;
    this.#exchanges = new Map(
      exchanges
        .filter(isFilled)
        .map((exchange): [string, ExchangeFills] => [exchange.id, new ExchangeFills(exchange, deps)]),
    );
  }

  /** Null where the exchange has no past trades worth fetching. */
  of(exchange: string): ExchangeFills | null {
    return this.#exchanges.get(exchange) ?? null;
  }

  start(): void {
    this.#cancel = this.#deps.clock.after(LOOK_MS, () => {
      this.start();
      const nowMs = this.#deps.clock.now();
      for (const one of this.#exchanges.values()) one.look(nowMs);
      if (++this.#looks % KEEP_EVERY === 0 && !this.#keeping) void this.keep();
    });
  }

  /** Writes down how far the trades of all exchanges got; never fails. */
  async keep(): Promise<void> {
    this.#keeping = true;
    await Promise.all(Array.from(this.#exchanges.values(), (one) => one.keep()));
    this.#keeping = false;
  }

  /** Begins nothing more; resolves when what is under way has come to its end. */
  async stop(): Promise<void> {
    this.#cancel();
    await Promise.all(Array.from(this.#exchanges.values(), (one) => one.stop()));
  }

  figures(): { readonly exchange: string; readonly figures: FillFigures }[] {
    return Array.from(this.#exchanges, ([exchange, one]) => ({ exchange, figures: one.figures() }));
  }
}

function isFilled(exchange: Exchange): exchange is FilledExchange {
  return exchange.pastTrades !== undefined && exchange.types.includes('trade');
}
