import type { Listing, Protocol } from './protocol.ts';
import { between, type Random, seededRandom } from './random.ts';

/** US dollars a coin costs at the start; names come first in every market list in this order. */
const KNOWN: readonly (readonly [string, number])[] = [
  ['BTC', 97_000],
  ['ETH', 3500],
  ['XRP', 2.2],
  ['SOL', 190],
  ['DOGE', 0.31],
  ['ADA', 0.88],
  ['1INCH', 0.38],
  ['TRX', 0.24],
  ['AVAX', 36],
  ['LINK', 21],
  ['DOT', 6.7],
  ['SHIB', 0.0000213],
  ['BCH', 440],
  ['USDC', 1],
  ['USDT', 1],
  ['NEAR', 5],
  ['LTC', 103],
  ['UNI', 13],
  ['APT', 8.7],
  ['PEPE', 0.0000176],
  ['ICP', 9.7],
  ['ETC', 25],
  ['1000SATS', 0.00024],
  ['C98', 0.16],
  ['XLM', 0.33],
  ['USD1', 1],
  ['ATOM', 6.2],
  ['FIL', 4.9],
  ['HBAR', 0.26],
  ['ARB', 0.72],
  ['OP', 1.8],
  ['INJ', 20],
  ['SUI', 4.1],
  ['SEI', 0.4],
  ['GRT', 0.2],
  ['AAVE', 310],
  ['MKR', 1500],
  ['SAND', 0.55],
  ['MANA', 0.46],
  ['AXS', 6],
  ['EGLD', 33],
  ['FLOW', 0.7],
  ['XTZ', 1.3],
  ['CHZ', 0.08],
  ['EOS', 0.78],
  ['QTUM', 3],
  ['ZIL', 0.021],
  ['STX', 1.5],
  ['W', 0.25],
  ['T', 0.024],
];

const SYLLABLES = [
  'KA',
  'VO',
  'ZI',
  'RA',
  'ME',
  'LUN',
  'TO',
  'QI',
  'BE',
  'NOX',
  'FY',
  'GO',
  'DEX',
  'PI',
  'SA',
];

/** Price of one unit of a quote in US dollars. */
const QUOTES: Readonly<Record<string, number>> = {
  KRW: 1 / 1400,
  BTC: 97_000,
  ETH: 3500,
  TRY: 1 / 34,
  EUR: 1.05,
  GBP: 1.26,
  BRL: 0.17,
};

/** A listing and the price its walk starts from. */
export interface Start {
  readonly listing: Listing;
  readonly price: number;
}

/** The market list of an exchange: `count` markets, the best-known first, the same for the same seed. */
export function marketList(protocol: Protocol, count: number, seed: number): Start[] {
  const random = seededRandom(seed);
  const seen = new Set<string>();
  const starts: Start[] = [];
  const coins = coinNames(random);
  const names: (readonly [string, number])[] = [];
  const add = (base: string, usd: number, quote: string) => {
    const symbol = protocol.symbol(base, quote);
    if (base === quote || starts.length >= count || seen.has(symbol)) return;
    seen.add(symbol);
    starts.push(start(protocol, base, quote, usd));
  };
  for (const { quote, share } of protocol.quotes) {
    const upTo = Math.min(count, starts.length + Math.max(1, Math.round(count * share)));
    for (let i = 0; starts.length < upTo; i++) {
      const [base, usd] = names[i] ?? nextName(coins, names);
      add(base, usd, quote);
    }
  }
  // Rounding may leave the list short of a few; the main quote fills it.
  const [main] = protocol.quotes;
  while (main && starts.length < count) add(...nextName(coins, names), main.quote);
  return starts;
}

/** One market; its digits follow from its price, as exchanges choose them. */
export function start(protocol: Protocol, base: string, quote: string, usd = 1): Start {
  const price = usd / (QUOTES[quote] ?? 1);
  const magnitude = Math.floor(Math.log10(price));
  const priceDigits = Math.min(8, Math.max(0, 4 - magnitude));
  const sizeDigits = Math.min(8, Math.max(1, 4 + Math.floor(Math.log10(usd))));
  const symbol = protocol.symbol(base, quote);
  // At least 100 steps, so that a walk of tiny prices has room.
  const least = 100 / 10 ** priceDigits;
  return { listing: { base, quote, symbol, priceDigits, sizeDigits }, price: Math.max(price, least) };
}

function nextName(
  coins: Generator<readonly [string, number]>,
  names: (readonly [string, number])[],
): readonly [string, number] {
  const name = coins.next().value as readonly [string, number];
  names.push(name);
  return name;
}

function* coinNames(random: Random): Generator<readonly [string, number]> {
  yield* KNOWN;
  const seen = new Set(KNOWN.map(([base]) => base));
  for (;;) {
    const syllable = () => SYLLABLES[between(random, 0, SYLLABLES.length - 1)] ?? 'X';
    const digit = random() < 0.1 ? `${between(random, 2, 9)}` : '';
    const base = syllable() + syllable() + (random() < 0.3 ? syllable() : '') + digit;
    if (seen.has(base)) continue;
    seen.add(base);
    yield [base, 10 ** (random() * 5 - 3)];
  }
}
