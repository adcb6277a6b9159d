import type { FieldError } from '../commands/command.ts';
import type { Resolved } from '../events.ts';
import type { Markets } from '../market/markets.ts';
import { type Applied, answer, type Checked, type Pinner, resolvedAs } from './answer.ts';
import { resolver } from './resolve.ts';
import { maxCodes } from './rules.ts';
import { sameSet } from './same-set.ts';
import { assignShards } from './shards.ts';
import type { DesiredStream, Pin } from './stream.ts';
import { unknownSymbols } from './unknown-symbol.ts';

/**
 * The configuration's word of one collector: what it names runs and is out of reach of commands, what it names no
 * more leaves where nothing else asked for it. What can run runs; what cannot is an error in the answer and stops
 * nothing. `*` is taken without a market list, which then fills it.
 */
export function pin(desired: DesiredStream, checked: Checked): Applied {
  const { markets, rules, pinner } = checked;
  const named = resolveSome(desired, checked);
  const own = new Set(named.all ? ['*'] : named.symbols);
  const staying = desired.pins.filter(
    (other) =>
      other.collector !== pinner.collector &&
      !pinner.succeeds(other) &&
      // One that died and asked for nothing else is of no more use.
      (pinner.isLiving(other.collector) || !other.symbols.every((symbol) => own.has(symbol))),
  );
  const before = desired.pins.filter((other) => !staying.includes(other));
  // Without a market list nobody knows whether what was pinned before is still meant.
  const unsure = !markets.known && named.errors.length > 0;
  const wished = named.all ? ['*'] : [...new Set([...named.symbols, ...(unsure ? symbolsOf(before) : [])])];
  const freed = released(desired, symbolsOf([...staying, mine(pinner, wished)]));
  const running = new Set(freed.codes);
  // What a selector that ran before is to bring is for the market list to say.
  const brought = freed.selector === '*' ? [] : listed(markets);
  const joining = (named.all ? brought : named.symbols).filter((symbol) => !running.has(symbol));
  const allowed = maxCodes(rules);
  const places = allowed === null ? joining.length : Math.max(0, allowed - freed.codes.length);
  const joined = joining.slice(0, places);
  const omitted = new Set(joining.slice(places));
  const symbols = wished.filter((symbol) => !omitted.has(symbol));
  const pins = symbols.length > 0 ? [...staying, mine(pinner, symbols)] : staying;
  const codes = [...freed.codes, ...joined];
  const meant = new Set(named.symbols);
  const next: DesiredStream = {
    ...freed,
    pins,
    pinned: pinnedBy(pins, pinner),
    selector: named.all ? '*' : freed.selector,
    exceptions: named.all ? [] : freed.exceptions.filter((symbol) => !meant.has(symbol)),
    codes,
    configured: [...freed.configured, ...(named.all && freed.selector === null ? ['*'] : []), ...joined],
    shards: assignShards(freed.shards, codes, rules.codesPerSocket),
  };
  const errors = [
    ...named.errors,
    ...(named.all
      ? []
      : noPlace(checked.command.symbols, named.resolved, omitted, codes.length + omitted.size, allowed)),
  ];
  if (samePins(desired, next))
    return { desired, reply: { ...answer('noop', 'already_subscribed', named.resolved), errors } };
  const detail = { codes: codes.length, added: joined.length };
  return {
    desired: { ...next, version: desired.version + 1 },
    reply: { ...answer('accepted', null, named.resolved, detail), errors },
  };
}

/** A stream as it is seen now: pins of collectors that have died protect nothing. */
export function withLiving(desired: DesiredStream, pinner: Pinner): DesiredStream {
  const pinned = pinnedBy(desired.pins, pinner);
  return sameSet(pinned, desired.pinned) ? desired : { ...desired, pinned };
}

function pinnedBy(pins: readonly Pin[], pinner: Pinner): string[] {
  const living = pins.filter(({ collector }) => collector === pinner.collector || pinner.isLiving(collector));
  const symbols = symbolsOf(living);
  return symbols.includes('*') ? ['*', ...symbols.filter((symbol) => symbol !== '*')] : symbols;
}

function mine({ collector, place }: Pinner, symbols: readonly string[]): Pin {
  return { collector, place, symbols };
}

function symbolsOf(pins: readonly Pin[]): string[] {
  return [...new Set(pins.flatMap(({ symbols }) => symbols))];
}

/** Without what ran for the configuration alone and is named by none any more. */
function released(desired: DesiredStream, claimed: readonly string[]): DesiredStream {
  const still = new Set(claimed);
  const unclaimed = desired.configured.filter((symbol) => !still.has(symbol));
  if (unclaimed.length === 0) return desired;
  const selector = unclaimed.includes('*') ? null : desired.selector;
  // Under a selector that stays, the market list decides.
  const leaving = new Set(selector === '*' ? [] : unclaimed);
  const bySelector = desired.configured.includes('*') && selector === '*';
  return {
    ...desired,
    selector,
    exceptions: selector === null ? [] : desired.exceptions,
    codes: desired.codes.filter((symbol) => !leaving.has(symbol)),
    configured: desired.configured.filter(
      (symbol) => still.has(symbol) || (bySelector && !leaving.has(symbol)),
    ),
  };
}

function listed(markets: Markets): string[] {
  return markets.all().map(({ symbol }) => symbol);
}

interface Named {
  readonly all: boolean;
  readonly symbols: readonly string[];
  readonly resolved: readonly Resolved[];
  readonly errors: readonly FieldError[];
}

/** What of a pin means something, and what does not. What is subscribed can be named by its own id, listed or not. */
function resolveSome(desired: DesiredStream, { command, markets, rules }: Checked): Named {
  if (command.symbols[0] === '*') {
    const resolved = markets.all().map((market) => resolvedAs('*', market));
    return { all: true, symbols: [], resolved, errors: [] };
  }
  const resolve = resolver(markets, rules.region);
  const subscribed = new Set(desired.codes);
  const unresolved = wordsFor(markets, rules.exchange);
  const resolved: Resolved[] = [];
  const errors: FieldError[] = [];
  command.symbols.forEach((asked, at) => {
    const market = resolve(asked);
    const gone = !market && subscribed.has(asked);
    if (market) resolved.push(resolvedAs(asked, market));
    else if (gone) resolved.push({ asked, symbol: asked, code: markets.get(asked)?.code ?? asked });
    if (!market) errors.push({ path: `symbols.${at}`, message: unresolved(asked, gone) });
  });
  return { all: false, symbols: [...new Set(resolved.map(({ symbol }) => symbol))], resolved, errors };
}

function wordsFor(markets: Markets, exchange: string): (asked: string, subscribed: boolean) => string {
  const unknown = unknownSymbols(markets, exchange);
  return (asked, subscribed) => {
    if (!markets.known) return `${asked} waits for the market list of ${exchange}`;
    return subscribed ? `${asked} is not a market of ${exchange} any more` : unknown(asked);
  };
}

function noPlace(
  asked: readonly string[],
  resolved: readonly Resolved[],
  omitted: ReadonlySet<string>,
  wanted: number,
  allowed: number | null,
): FieldError[] {
  return resolved.flatMap(({ asked: spelled, symbol }) => {
    if (!omitted.has(symbol)) return [];
    const message = `${spelled} has no place: ${wanted} codes wanted, ${allowed} allowed`;
    return [{ path: `symbols.${asked.indexOf(spelled)}`, message }];
  });
}

function samePins(a: DesiredStream, b: DesiredStream): boolean {
  return (
    a.selector === b.selector &&
    sameSet(a.exceptions, b.exceptions) &&
    sameSet(a.codes, b.codes) &&
    sameSet(a.configured, b.configured) &&
    a.pins.length === b.pins.length &&
    a.pins.every(({ collector, place, symbols }) =>
      b.pins.some(
        (other) => other.collector === collector && other.place === place && sameSet(other.symbols, symbols),
      ),
    )
  );
}
