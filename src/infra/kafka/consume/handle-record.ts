import { type Clock, sleep } from '../../../common/clock.ts';

/** A record that fails is handed over again after this long. */
const RETRY_MS = 1_000;

export interface Handling {
  readonly clock: Clock;
  /** Whether no record is to be tried again. */
  stopped(): boolean;
  failed(error: unknown): void;
}

/**
 * Hands a record over, again until its outcome is durable, and says so only then: what was said is committed, and a
 * record whose offset is committed never comes again.
 * @param done called once, when the handler has resolved
 */
export async function handleRecord<R>(
  record: R,
  handler: (record: R) => Promise<void>,
  done: () => void,
  { clock, stopped, failed }: Handling,
): Promise<void> {
  for (;;) {
    try {
      await handler(record);
      return done();
    } catch (error) {
      if (stopped()) return;
      failed(error);
      await sleep(clock, RETRY_MS);
      if (stopped()) return;
    }
  }
}
