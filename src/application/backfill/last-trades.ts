import { neighbourOf } from '../../core/backfill/known-hole.ts';
import type { Trade } from '../../core/market/rows.ts';
import type { Lane } from '../../core/pipeline/lane.ts';
import type { FillStore } from '../state-store.ts';
import type { LastTrade } from './fill-task.ts';

/** Symbols that are written at a time, so that no turn of the event loop is long. */
const AT_A_TIME = 200;

/**
 * The latest trade of each code that Kafka acknowledged, in the state store: whoever has the code next knows from it
 * where what it missed begins. What is there is read before it is written over.
 */
export class LastTrades {
  readonly #exchange: string;
  readonly #store: FillStore;
  readonly #lanes = new Map<string, Lane>();
  readonly #written = new Map<string, Trade>();
  readonly #reading = new Map<string, Promise<LastTrade | null>>();
  #asked: string[] = [];
  #answer: Promise<ReadonlyMap<string, LastTrade | null>> | null = null;

  constructor(exchange: string, store: FillStore) {
    this.#exchange = exchange;
    this.#store = store;
  }

  /** What the store knows of a symbol; null where it knows nothing, or does not answer. */
  of(symbol: string): Promise<LastTrade | null> {
    const running = this.#reading.get(symbol);
    if (running) return running;
    this.#asked.push(symbol);
    this.#answer ??= Promise.resolve().then(() => this.#read());
    const read = this.#answer
      .then((all) => all.get(symbol) ?? null)
      .finally(() => this.#reading.delete(symbol));
    this.#reading.set(symbol, read);
    return read;
  }

  /** Lanes of which the latest trades are to be kept; those of a code that has left may have rows on their way. */
  watch(lanes: Iterable<Lane>): void {
    for (const lane of lanes) this.#lanes.set(lane.market.symbol, lane);
  }

  /** Nothing later of these codes is on its way. Never fails. */
  async final(symbols: ReadonlySet<string>): Promise<void> {
    const last = Array.from(this.#lanes).flatMap(([symbol, { ackedTrade }]): [string, LastTrade][] =>
      ackedTrade && symbols.has(symbol) ? [[symbol, { ...neighbourOf(ackedTrade), final: true }]] : [],
    );
    for (const [symbol] of last) {
      const trade = this.#lanes.get(symbol)?.ackedTrade;
      if (trade) this.#written.set(symbol, trade);
    }
    await this.#store.keepLastTrades(this.#exchange, new Map(last)).catch(() => {});
  }

  /** Writes what is new. Never fails: the next call writes what this one could not. */
  async keep(): Promise<void> {
    const news = Array.from(this.#lanes).filter(([symbol, { ackedTrade }]) => {
      return ackedTrade !== null && ackedTrade !== this.#written.get(symbol) && !this.#reading.has(symbol);
    });
    for (let at = 0; at < news.length; at += AT_A_TIME) {
      const part = news.slice(at, at + AT_A_TIME).flatMap(([symbol, { ackedTrade }]) => {
        return ackedTrade ? [{ symbol, trade: ackedTrade }] : [];
      });
      const trades = new Map(part.map(({ symbol, trade }) => [symbol, this.#noteOf(symbol, trade)]));
      try {
        await this.#store.keepLastTrades(this.#exchange, trades);
      } catch {
        return;
      }
      for (const { symbol, trade } of part) this.#written.set(symbol, trade);
    }
  }

  #noteOf(symbol: string, trade: Trade): LastTrade {
    const delivered = this.#lanes.get(symbol)?.deliveredTrade ?? null;
    const note = neighbourOf(trade);
    return delivered === null || delivered === trade ? note : { ...note, delivered: delivered.timestamp };
  }

  async #read(): Promise<ReadonlyMap<string, LastTrade | null>> {
    const symbols = this.#asked;
    this.#asked = [];
    this.#answer = null;
    const read = await this.#store.lastTrades(this.#exchange, symbols).catch(() => []);
    return new Map(symbols.map((symbol, at) => [symbol, read[at] ?? null]));
  }
}
