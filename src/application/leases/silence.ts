import type { Cancel, Clock } from '../../common/clock.ts';

/**
 * Tells again and again that a question has no answer yet. A store that stands still fails an attempt only after the
 * leases have run out: its silence is an absence before.
 * @returns what ends it
 */
export function whileUnanswered(clock: Clock, everyMs: number, tell: () => void): Cancel {
  let cancel: Cancel = () => {};
  const again = (): void => {
    cancel = clock.after(everyMs, () => {
      tell();
      again();
    });
  };
  again();
  return () => cancel();
}
