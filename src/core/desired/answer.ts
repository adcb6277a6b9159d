import type { Command, FieldError, Reason } from '../commands/command.ts';
import type { Outcome, Resolved } from '../events.ts';
import type { Market } from '../market/market.ts';
import type { Markets } from '../market/markets.ts';
import type { StreamRules } from './rules.ts';
import type { DesiredStream, Pin } from './stream.ts';

/** What a command came to. */
export interface Answer {
  readonly outcome: Outcome;
  /** Null where the command was accepted. */
  readonly reason: Reason | null;
  readonly resolved: readonly Resolved[];
  readonly errors: readonly FieldError[];
  readonly detail: Readonly<Record<string, unknown>> | null;
}

export interface Applied {
  /** The very object that was given where nothing changes; else the next version. */
  readonly desired: DesiredStream;
  readonly reply: Answer;
}

/** A command whose target makes sense, with what it needs to be carried out. */
export interface Checked {
  readonly command: Command;
  readonly rules: StreamRules;
  readonly markets: Markets;
  /** Address that the command names; undefined where it names none. */
  readonly origin: string | null | undefined;
  readonly pinner: Pinner;
}

/** The collector whose configuration pins, and what it knows of the others. */
export interface Pinner {
  readonly collector: string;
  readonly place: string;
  isLiving(collector: string): boolean;
  /** Whether a pin of another is void from now on: that one has ended, and this one stands in its place. */
  succeeds(pin: Pin): boolean;
}

/** An accepted command, or one that finds everything as it asks. */
export function answer(
  outcome: Outcome,
  reason: Reason | null,
  resolved: readonly Resolved[] = [],
  detail: Readonly<Record<string, unknown>> | null = null,
): Answer {
  return { outcome, reason, resolved, errors: [], detail };
}

/** A refused command: desired state stays as it is. */
export function refuse(
  desired: DesiredStream,
  reason: Reason,
  errors: readonly FieldError[],
  detail: Readonly<Record<string, unknown>> | null = null,
): Applied {
  return { desired, reply: { outcome: 'refused', reason, resolved: [], errors, detail } };
}

/** How a reply tells what a spelling was taken for. */
export function resolvedAs(asked: string, { symbol, code }: Market): Resolved {
  return { asked, symbol, code };
}
