import type { FieldError } from '../commands/command.ts';
import type { Resolved } from '../events.ts';
import type { Markets } from '../market/markets.ts';
import { type Applied, answer, type Checked, refuse, resolvedAs } from './answer.ts';
import { resolver } from './resolve.ts';
import { maxCodes } from './rules.ts';
import { sameSet } from './same-set.ts';
import { assignShards } from './shards.ts';
import type { DesiredStream } from './stream.ts';
import { unknownSymbols } from './unknown-symbol.ts';

/** `connect_and_subscribe`: what is named runs, beside what ran before. */
export function connect(desired: DesiredStream, checked: Checked): Applied {
  const { command, markets, origin } = checked;
  if (command.symbols.length === 0) return noSymbols(desired);
  const named = resolveAll(command.symbols, checked);
  if ('refusal' in named) return refuse(desired, named.refusal, named.errors);
  if (named.all && !markets.known) {
    return refuse(desired, 'market_list_unavailable', [
      { path: 'symbols.0', message: '"*" needs the market list of the exchange' },
    ]);
  }
  const next = added(desired, named.resolved, named.all, markets);
  const asked = new Set(named.resolved.map(({ symbol }) => symbol));
  return settle(
    desired,
    {
      ...next,
      configured: named.all ? [] : desired.configured.filter((symbol) => !asked.has(symbol)),
      origin: origin === undefined ? desired.origin : origin,
      correlation_id: command.correlationId,
    },
    checked,
    named.resolved,
  );
}

/** Refusal of a command that names nothing where it must. */
export function noSymbols(desired: DesiredStream): Applied {
  return refuse(desired, 'empty_symbols', [
    { path: 'symbols', message: 'must name at least one symbol, or "*"' },
  ]);
}

type Named =
  | { readonly all: boolean; readonly resolved: readonly Resolved[] }
  | {
      readonly refusal: 'unknown_symbols' | 'market_list_unavailable';
      readonly errors: readonly FieldError[];
    };

/** All symbols of a command, or every one that means nothing. `*` means every listed market. */
function resolveAll(symbols: readonly string[], { rules, markets }: Checked): Named {
  if (symbols[0] === '*')
    return { all: true, resolved: markets.all().map((market) => resolvedAs('*', market)) };
  const resolve = resolver(markets, rules.region);
  const resolved: Resolved[] = [];
  const errors: FieldError[] = [];
  const unknown = unknownSymbols(markets, rules.exchange);
  symbols.forEach((asked, at) => {
    const market = resolve(asked);
    if (market) resolved.push(resolvedAs(asked, market));
    else errors.push({ path: `symbols.${at}`, message: unknown(asked) });
  });
  if (errors.length === 0) return { all: false, resolved };
  return { refusal: markets.known ? 'unknown_symbols' : 'market_list_unavailable', errors };
}

function added(
  desired: DesiredStream,
  resolved: readonly Resolved[],
  all: boolean,
  markets: Markets,
): DesiredStream {
  if (all) {
    const listed = markets.known ? markets.all().map(({ symbol }) => symbol) : desired.codes;
    return { ...desired, selector: '*', exceptions: [], codes: inOrder(desired, listed) };
  }
  const symbols = resolved.map(({ symbol }) => symbol);
  const wanted = new Set(symbols);
  return {
    ...desired,
    exceptions: desired.exceptions.filter((symbol) => !wanted.has(symbol)),
    codes: [...new Set([...desired.codes, ...symbols])],
  };
}

/** What is wanted and what is pinned: first those that are subscribed, in their order, then the others. */
function inOrder({ codes, pins, pinned }: DesiredStream, wanted: readonly string[]): readonly string[] {
  const all = new Set([...wanted, ...pinned, ...pins.flatMap(({ symbols }) => symbols)]);
  all.delete('*');
  const kept = codes.filter((symbol) => all.delete(symbol));
  return [...kept, ...all];
}

/** The next version, a noop where nothing differs, a refusal of the whole where the limits do not allow it. */
function settle(
  before: DesiredStream,
  next: DesiredStream,
  checked: Checked,
  resolved: readonly Resolved[],
): Applied {
  const { rules } = checked;
  if (sameWish(before, next))
    return { desired: before, reply: answer('noop', 'already_subscribed', resolved) };
  const allowed = maxCodes(rules);
  if (allowed !== null && next.codes.length > allowed && next.codes.length > before.codes.length) {
    const { sockets, codesPerSocket } = rules;
    const message = `${next.codes.length} codes wanted, ${allowed} allowed (${sockets} sockets of ${codesPerSocket} codes)`;
    return refuse(before, 'too_many_codes', [{ path: 'symbols', message }], {
      wanted: next.codes.length,
      allowed,
      sockets,
      codes_per_socket: codesPerSocket,
    });
  }
  const shards = assignShards(before.shards, next.codes, rules.codesPerSocket);
  const grown = next.codes.length - before.codes.length;
  return {
    desired: { ...next, shards, version: before.version + 1 },
    reply: answer('accepted', null, resolved, { codes: next.codes.length, added: grown }),
  };
}

function sameWish(a: DesiredStream, b: DesiredStream): boolean {
  return (
    a.selector === b.selector &&
    a.origin === b.origin &&
    sameSet(a.exceptions, b.exceptions) &&
    sameSet(a.codes, b.codes)
  );
}
