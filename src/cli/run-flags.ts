import type { Flag } from './args.ts';
import { commaList, usage } from './args.ts';
import { pickExchange, pickType } from './pick.ts';

/** A stream group of the command line, as the setting `streams` has it. */
export interface StreamGroup {
  readonly exchange: string;
  readonly type: string[];
  readonly symbols: string[];
}

/**
 * `--exchange upbit --type ticker,trade --symbols A,B --exchange binance …`: each --exchange opens a group.
 * @throws Fault usage where a group is not whole, or names what does not exist
 */
export function streamGroups(flags: readonly Flag[]): StreamGroup[] {
  const groups: StreamGroup[] = [];
  for (const { name, value } of flags) {
    if (name === 'exchange') groups.push({ exchange: value ?? '', type: [], symbols: [] });
    if (name !== 'type' && name !== 'symbols') continue;
    const group = groups.at(-1);
    if (!group) throw usage('run', `--${name} stands before any --exchange.`);
    group[name].push(...commaList(value));
  }
  for (const { exchange, type, symbols } of groups) {
    const plugIn = pickExchange('run', exchange);
    if (type.length === 0) throw usage('run', `--exchange ${exchange} has no --type.`);
    for (const one of type) pickType('run', plugIn, one);
    if (symbols.length === 0) throw usage('run', `--exchange ${exchange} has no --symbols.`);
  }
  return groups;
}
