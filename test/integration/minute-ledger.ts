import type { Ledger, Row } from '../simulator/ledger.ts';
import type { Simulator } from '../simulator/simulator.ts';

/** What the exchanges did on one stream in one minute, by the simulator's ledger: what its metrics have to say. */
export interface Expected {
  readonly total_received: number;
  readonly total_parsed: number;
  readonly total_parse_failed: number;
  readonly bytes_received: number;
  readonly total_processed: number;
  readonly total_failed: number;
  readonly total_acknowledged: number;
  /** Rows by native symbol, repeats included. */
  readonly rowsBySymbol: Readonly<Record<string, number>>;
}

/** @param minute epoch minutes */
export function expectedOf(ledger: Ledger, exchange: string, type: Row['type'], minute: number): Expected {
  const sockets = new Set(
    ledger.entries.flatMap((entry) =>
      entry.what === 'subscribe' && entry.exchange === exchange && entry.type === type ? entry.socket : [],
    ),
  );
  const within = ({ at }: { at: number }) => Math.floor(at / 60_000) === minute;
  const frames = ledger
    .socketMinutes()
    .filter((entry) => entry.exchange === exchange && entry.minute === minute && sockets.has(entry.socket));
  const faults = ledger.of('fault', exchange).filter((entry) => within(entry) && sockets.has(entry.socket));
  const sent = ledger.sent(exchange, type).filter(within);
  const firsts = type === 'trade' ? ledger.trades(exchange).filter(within) : sent;
  const received = frames.reduce((sum, entry) => sum + entry.frames, 0);
  return {
    total_received: received,
    total_parsed: received - faults.length,
    total_parse_failed: faults.length,
    bytes_received: frames.reduce((sum, entry) => sum + entry.bytes, 0),
    total_processed: sent.length,
    total_failed: faults.length,
    total_acknowledged: firsts.length,
    rowsBySymbol: countBy(sent, ({ symbol }) => symbol),
  };
}

export function countBy<Item>(items: readonly Item[], key: (item: Item) => string): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(items, key)].map(([name, all]) => [name, all.length]));
}

/** Seconds before the end of a minute from which on nothing is sent: what is on its way must arrive within it. */
const LULL_S = 1;

/**
 * Runs steps at their seconds, counted from the start of the wall clock's minute `first`, and has the exchanges pause
 * at the end of every minute, so that a row is sent and arrives in the same one. Steps keep off the lulls.
 */
export async function runByTheMinute(
  simulator: Simulator,
  rowsPerS: number,
  first: number,
  minutes: number,
  steps: readonly { readonly atS: number; readonly run: () => Promise<unknown> }[],
): Promise<void> {
  const hush = async (quiet: boolean) => {
    await simulator.do({ do: 'rate', rowsPerS: quiet ? 0 : rowsPerS });
    await simulator.do({ do: quiet ? 'stall' : 'resume' });
  };
  const boundaries = Array.from({ length: minutes + 1 }, (_, minute) => [
    { atS: minute * 60 - LULL_S, run: () => hush(true) },
    { atS: minute * 60 + 0.05, run: () => hush(minute === minutes) },
  ]);
  for (const { atS, run } of [...boundaries.flat(), ...steps].sort((a, b) => a.atS - b.atS)) {
    await Bun.sleep(Math.max(0, first * 60_000 + atS * 1000 - Date.now()));
    await run();
  }
}
