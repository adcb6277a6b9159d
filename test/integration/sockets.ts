import type { Ledger } from '../simulator/ledger.ts';

/** A socket that is open at the simulator. */
export interface OpenSocket {
  readonly id: number;
  readonly exchange: string;
  /** What it is subscribed to, as `ticker KRW-BTC`. */
  readonly codes: Set<string>;
}

/** The sockets that are open now, by what the simulator noted of them. */
export function openSockets({ entries }: Ledger): OpenSocket[] {
  const open = new Map<number, OpenSocket>();
  for (const entry of entries) {
    if (entry.socket === null) continue;
    const { exchange, socket: id } = entry;
    if (entry.what === 'open') open.set(id, { id, exchange, codes: new Set() });
    else if (entry.what === 'close') open.delete(id);
    else if (entry.what === 'subscribe') open.get(id)?.codes.add(`${entry.type} ${entry.symbol}`);
    else if (entry.what === 'unsubscribe') open.get(id)?.codes.delete(`${entry.type} ${entry.symbol}`);
  }
  return [...open.values()];
}

/** What all open sockets of an exchange carry, as `ticker KRW-BTC`, in order; one carried twice is there twice. */
export function carried(ledger: Ledger, exchange: string): string[] {
  return openSockets(ledger)
    .filter((socket) => socket.exchange === exchange)
    .flatMap(({ codes }) => [...codes])
    .sort();
}
