import type { CommandTarget } from './control-rig.ts';

/** A command as it is sent, and what it means. */
export interface Order {
  readonly target: CommandTarget;
  readonly action: string;
  /** Native ids; the markets that do not exist are in `unknown`. */
  readonly symbols: readonly string[];
  readonly unknown: boolean;
  readonly stale: boolean;
  readonly malformed: boolean;
}

/**
 * What commands mean, told a second time, as sets of symbols and without a line of the program's: every stream by
 * `exchange|type`.
 */
export class CommandFold {
  readonly #streams = new Map<string, Set<string>>();

  /** Symbols that are wanted of a stream, in order. */
  wanted(exchange: string, type: string): string[] {
    return [...(this.#streams.get(`${exchange}|${type}`) ?? [])].sort();
  }

  /** Takes one command after those before it. @returns its outcome */
  take(order: Order): 'accepted' | 'noop' | 'refused' {
    if (order.malformed || order.stale) return 'refused';
    const key = `${order.target.exchange}|${order.target.request_type}`;
    const stream = this.#streams.get(key) ?? new Set();
    this.#streams.set(key, stream);
    const before = stream.size;
    switch (order.action) {
      case 'status':
        return 'accepted';
      case 'disconnect':
        stream.clear();
        break;
      case 'connect_and_subscribe':
        if (order.unknown) return 'refused';
        for (const symbol of order.symbols) stream.add(symbol);
        break;
      case 'unsubscribe':
        if (order.unknown) return 'refused';
        for (const symbol of order.symbols) stream.delete(symbol);
        break;
      default:
        throw new Error(`no meaning for ${order.action}`);
    }
    return stream.size === before ? 'noop' : 'accepted';
  }
}
