import type { Micros } from '../../core/market/market.ts';
import { usage } from '../args.ts';

const AGO = /^(\d+)([smhd])$/;
const UNIT: Readonly<Record<string, Micros>> = {
  s: 1_000_000,
  m: 60_000_000,
  h: 3_600_000_000,
  d: 86_400_000_000,
};
const NUMBER = /^\d+$/;
/** Seconds, milliseconds and microseconds of this century tell themselves apart. */
const LARGEST_SECONDS = 1e11;
const LARGEST_MILLIS = 1e14;

/**
 * A time of the command line: ISO 8601, epoch seconds, milliseconds or microseconds, or as long ago as `90s`, `30m`,
 * `2h`, `7d` say.
 * @throws Fault usage
 */
export function timeOf(flag: string, text: string | undefined, now: Micros): Micros | null {
  if (text === undefined) return null;
  const [, count = '', unit = ''] = text.match(AGO) ?? [];
  const ago = UNIT[unit];
  if (ago !== undefined) return now - Number(count) * ago;
  if (NUMBER.test(text)) {
    const value = Number(text);
    if (value < LARGEST_SECONDS) return value * 1_000_000;
    return value < LARGEST_MILLIS ? value * 1000 : value;
  }
  const ms = Date.parse(text);
  if (Number.isFinite(ms)) return ms * 1000;
  throw usage(
    'audit',
    `--${flag} ${text}: that is no time. Write 2026-11-28T09:00:00Z, epoch seconds, or 2h.`,
  );
}
