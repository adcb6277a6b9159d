import type { FieldError } from '../commands/command.ts';
import type { Resolved } from '../events.ts';
import { type Applied, answer, type Checked, refuse, resolvedAs } from './answer.ts';
import { noSymbols } from './connect.ts';
import { resolver } from './resolve.ts';
import { assignShards } from './shards.ts';
import { type DesiredStream, isRunning } from './stream.ts';
import { unknownSymbols } from './unknown-symbol.ts';

/** `unsubscribe`: what is named stops. Under a selector it becomes an exception; `*` stops the whole stream. */
export function unsubscribe(desired: DesiredStream, checked: Checked): Applied {
  const { command, rules } = checked;
  if (command.symbols.length === 0) return noSymbols(desired);
  if (command.symbols[0] === '*') return stop(desired, checked, 'symbols.0');
  const named = resolveKnown(desired, checked);
  if ('errors' in named) {
    return refuse(
      desired,
      checked.markets.known ? 'unknown_symbols' : 'market_list_unavailable',
      named.errors,
    );
  }
  const pinned = pinnedAmong(desired, named.resolved, command.symbols);
  if (pinned.length > 0) return refuse(desired, 'pinned_by_config', pinned);

  const gone = new Set(named.resolved.map(({ symbol }) => symbol));
  const codes = desired.codes.filter((symbol) => !gone.has(symbol));
  const excepted = new Set(desired.exceptions);
  const newly = desired.selector === '*' ? [...gone].filter((symbol) => !excepted.has(symbol)) : [];
  if (codes.length === desired.codes.length && newly.length === 0) {
    const reason = isRunning(desired) ? 'not_subscribed' : 'not_running';
    return { desired, reply: answer('noop', reason, named.resolved) };
  }
  const next: DesiredStream = {
    ...desired,
    version: desired.version + 1,
    exceptions: [...desired.exceptions, ...newly],
    codes,
    configured: desired.configured.filter((symbol) => !gone.has(symbol)),
    shards: assignShards(desired.shards, codes, rules.codesPerSocket),
    correlation_id: command.correlationId,
  };
  const removed = desired.codes.length - codes.length;
  return {
    desired: isRunning(next) ? next : { ...next, origin: null },
    reply: answer('accepted', null, named.resolved, { codes: codes.length, removed }),
  };
}

/** `disconnect`: the stream stops. */
export function disconnect(desired: DesiredStream, checked: Checked): Applied {
  return stop(desired, checked, 'action');
}

function stop(desired: DesiredStream, { command }: Checked, path: string): Applied {
  if (!isRunning(desired)) return { desired, reply: answer('noop', 'not_running') };
  if (desired.pinned.length > 0) {
    const message = `the configuration asks for ${desired.pinned.join(', ')}`;
    return refuse(desired, 'pinned_by_config', [{ path, message }]);
  }
  return {
    desired: {
      ...desired,
      version: desired.version + 1,
      selector: null,
      exceptions: [],
      codes: [],
      pins: [],
      configured: [],
      shards: [],
      origin: null,
      correlation_id: command.correlationId,
    },
    reply: answer('accepted', null, [], { codes: 0, removed: desired.codes.length }),
  };
}

/** What is subscribed can be named by its own id even when the market list has dropped it. */
function resolveKnown(
  desired: DesiredStream,
  { command, markets, rules }: Checked,
): { resolved: readonly Resolved[] } | { errors: readonly FieldError[] } {
  const subscribed = new Set(desired.codes);
  const resolve = resolver(markets, rules.region);
  const resolved: Resolved[] = [];
  const errors: FieldError[] = [];
  const unknown = unknownSymbols(markets, rules.exchange);
  command.symbols.forEach((asked, at) => {
    const market = resolve(asked) ?? (subscribed.has(asked) ? markets.get(asked) : undefined);
    if (market) resolved.push(resolvedAs(asked, market));
    else if (subscribed.has(asked)) resolved.push({ asked, symbol: asked, code: asked });
    else errors.push({ path: `symbols.${at}`, message: unknown(asked) });
  });
  return errors.length > 0 ? { errors } : { resolved };
}

function pinnedAmong(
  { pinned }: DesiredStream,
  resolved: readonly Resolved[],
  asked: readonly string[],
): FieldError[] {
  const fixed = new Set(pinned);
  return resolved.flatMap(({ symbol }, at) =>
    fixed.has('*') || fixed.has(symbol)
      ? [{ path: `symbols.${at}`, message: `the configuration asks for ${asked[at]}` }]
      : [],
  );
}
