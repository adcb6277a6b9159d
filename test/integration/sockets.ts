import type { Ledger } from '../simulator/ledger.ts';

/** A socket that is open at the simulator. */
export interface OpenSocket {
  readonly id: number;
  readonly exchange: string;
  /** What it is subscribed to, as `ticker KRW-BTC`. */
  readonly codes: Set<string>;
}

/** A code that a socket is subscribed to. */
export interface Subscription {
  readonly exchange: string;
  readonly socket: number;
  readonly type: string;
  readonly symbol: string;
}

/** The sockets that are open now, by what the simulator noted of them. */
export function openSockets({ entries }: Ledger): OpenSocket[] {
  const open = new Map<number, OpenSocket>();
  for (const entry of entries) {
    if (entry.socket === null) continue;
    const { exchange, socket: id } = entry;
    // The opening of a socket that is older than the ledger is not in it.
    const socket = open.get(id) ?? { id, exchange, codes: new Set() };
    if (entry.what === 'close') open.delete(id);
    else if (entry.what === 'open' || entry.what === 'subscribe') open.set(id, socket);
    if (entry.what === 'subscribe') socket.codes.add(`${entry.type} ${entry.symbol}`);
    else if (entry.what === 'unsubscribe') socket.codes.delete(`${entry.type} ${entry.symbol}`);
  }
  return [...open.values()];
}

/** What the open sockets are subscribed to. */
export function subscriptions(ledger: Ledger): Subscription[] {
  return openSockets(ledger).flatMap(({ id, exchange, codes }) =>
    Array.from(codes, (code) => {
      const [type = '', symbol = ''] = code.split(' ');
      return { exchange, socket: id, type, symbol };
    }),
  );
}

/** What all open sockets of an exchange carry, as `ticker KRW-BTC`, in order; one carried twice is there twice. */
export function carried(ledger: Ledger, exchange: string): string[] {
  return openSockets(ledger)
    .filter((socket) => socket.exchange === exchange)
    .flatMap(({ codes }) => [...codes])
    .sort();
}
