import type { BookFault } from '../../simulator/books/faults.ts';
import type { Ledger } from '../../simulator/ledger.ts';
import type { SimulatorProcess } from '../../simulator/process.ts';

const NUMBERED = ['binance', 'bybit', 'okx', 'huobi'];
const CHECKED = ['kraken', 'bitfinex'];
const WHOLE = ['upbit', 'bithumb', 'coinone', 'korbit'];
const ALL = [...NUMBERED, ...CHECKED, ...WHOLE, 'coinbase'];

/** Between a fault and the answer to its command. */
const SLACK_MS = 1000;

interface Plan {
  readonly fault: BookFault;
  readonly exchanges: readonly string[];
  /** The causes of a gap that has to tell of it; empty: it does no harm, or nobody can see it. */
  readonly told: readonly string[];
}

/**
 * Every fault of the simulator at the exchanges that can have it. A changed order of frames is seen where they are
 * numbered; what is missing of a book in Kraken's way only where the ten best are another than they should be.
 */
export const PLAN: readonly Plan[] = [
  { fault: 'drop', exchanges: NUMBERED, told: ['sequence'] },
  { fault: 'checksum', exchanges: CHECKED, told: ['checksum'] },
  { fault: 'drop', exchanges: WHOLE, told: [] },
  { fault: 'swap', exchanges: NUMBERED, told: ['sequence'] },
  { fault: 'falling', exchanges: ['binance', 'bybit', 'okx', 'huobi'], told: [] },
  { fault: 'snapshot', exchanges: ['bybit', 'okx', 'kraken', 'coinbase'], told: [] },
  { fault: 'crossed', exchanges: ALL, told: [] },
  { fault: 'shrink', exchanges: ALL, told: [] },
  { fault: 'empty', exchanges: ALL, told: [] },
  { fault: 'rest-older', exchanges: ['binance', 'huobi'], told: [] },
  { fault: 'drop', exchanges: ['binance', 'huobi'], told: ['sequence'] },
  { fault: 'rest-429', exchanges: ['binance'], told: [] },
  { fault: 'drop', exchanges: ['binance'], told: ['sequence'] },
  { fault: 'restart', exchanges: ['bybit', 'okx'], told: [] },
  // It puts every book of its socket in doubt.
  { fault: 'drop', exchanges: ['bitfinex'], told: ['sequence', 'checksum'] },
];

export interface Injected {
  readonly exchange: string;
  readonly symbol: string;
  readonly fault: BookFault;
  readonly told: readonly string[];
  /** Epoch ms. */
  readonly at: number;
}

/** When the faults really happened: those of a frame wait for the next one of their code. */
export function happened(injected: readonly Injected[], ledger: Ledger): Injected[] {
  const noted = ledger.of('book-fault');
  return injected.map((one) => {
    const { exchange, symbol, fault, at } = one;
    const note = noted.find(
      (each) =>
        each.exchange === exchange &&
        each.symbol === symbol &&
        each.fault === fault &&
        each.at >= at - SLACK_MS,
    );
    return note ? { ...one, at: note.at } : one;
  });
}

/** Lets every fault happen at its exchanges, one after the other, each at the next of their busiest codes. */
export async function injectAll(
  simulator: SimulatorProcess,
  exchanges: readonly string[],
  options: { readonly codes: number; readonly paceMs: number },
): Promise<Injected[]> {
  const injected: Injected[] = [];
  for (const [turn, { fault, exchanges: some, told }] of PLAN.entries()) {
    for (const exchange of some.filter((id) => exchanges.includes(id))) {
      const symbols = simulator.exchanges[exchange]?.symbols ?? [];
      // A book over REST that is too old, or refused, is that of the code that breaks next.
      const nth = fault === 'rest-older' ? turn + 1 : turn;
      const symbol = symbols[nth % Math.min(options.codes, symbols.length)] ?? '';
      await simulator.do({ do: 'book-fault', fault, exchange, symbol });
      injected.push({ exchange, symbol, fault, told, at: Date.now() });
    }
    await Bun.sleep(options.paceMs);
  }
  return injected;
}
