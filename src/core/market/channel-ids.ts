import type { Market } from './market.ts';

/**
 * The channel ids of one socket, for exchanges whose data names an id and no symbol. Only an ack ties the two; an id
 * may come back for another symbol.
 */
export class ChannelIds {
  /** Every channel that may still send, its subscription ended or not. */
  readonly #markets = new Map<number, Market>();
  /** Channels that shall go on, by symbol. */
  readonly #ids = new Map<string, number>();
  readonly #wanted = new Map<string, Market>();
  /** Dropped before their ack told an id. */
  readonly #dropped = new Set<string>();

  /** The market of a channel; undefined before its ack and after its end. */
  market(id: number): Market | undefined {
    return this.#markets.get(id);
  }

  /** Symbols with a channel that goes on. */
  symbols(): string[] {
    return [...this.#ids.keys()];
  }

  /** A subscription is asked for. */
  want(market: Market): void {
    this.#wanted.set(market.symbol, market);
    this.#dropped.delete(market.symbol);
  }

  /** `symbol` is to end. @returns the channel to unsubscribe; undefined where its ack is still to come. */
  drop(symbol: string): number | undefined {
    const id = this.#ids.get(symbol);
    this.#wanted.delete(symbol);
    if (id === undefined) this.#dropped.add(symbol);
    this.#ids.delete(symbol);
    return id;
  }

  /** An ack. @returns false where the symbol was dropped meanwhile: the channel is to be unsubscribed. */
  bind(id: number, market: Market): boolean {
    if (this.#dropped.delete(market.symbol)) return false;
    const before = this.#markets.get(id);
    if (before && this.#ids.get(before.symbol) === id) this.#ids.delete(before.symbol);
    this.#markets.set(id, market);
    this.#ids.set(market.symbol, id);
    return true;
  }

  /**
   * A channel whose ack was not recorded: the only market wanted, else the first without a channel, since channels
   * begin in the order in which they were asked for.
   */
  adopt(id: number): Market | undefined {
    const wanted = [...this.#wanted.values()];
    const market = wanted.length === 1 ? wanted[0] : wanted.find(({ symbol }) => !this.#ids.has(symbol));
    if (market) this.bind(id, market);
    return market;
  }

  /** A channel has ended. @returns its symbol where nobody had dropped it. */
  end(id: number): string | undefined {
    const symbol = this.#markets.get(id)?.symbol;
    this.#markets.delete(id);
    if (symbol === undefined || this.#ids.get(symbol) !== id) return undefined;
    this.#ids.delete(symbol);
    return symbol;
  }
}
