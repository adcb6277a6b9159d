import type { Cancel, Clock } from '../../../common/clock.ts';

/** Whether the promise was fulfilled within `ms` milliseconds. */
export async function within(ms: number, promise: Promise<void>, clock: Clock): Promise<boolean> {
  let cancel: Cancel = () => {};
  const late = new Promise<boolean>((resolve) => {
    cancel = clock.after(ms, () => resolve(false));
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  cancel();
  return inTime;
}
