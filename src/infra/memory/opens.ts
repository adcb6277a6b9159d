import type { OpenTimes, ShutOut } from '../../application/state-store.ts';

/** Opens of this process alone. */
export function memoryOpens(): OpenTimes {
  const opens = new Map<string, { readonly id: string; readonly at: number }[]>();
  const shutOuts = new Map<string, ShutOut>();
  return {
    async take(key, id, windows, nowMs) {
      const longest = Math.max(...windows.map(({ perMs }) => perMs));
      const kept = (opens.get(key) ?? []).filter(({ at }) => at > nowMs - longest);
      opens.set(key, kept);
      const waits = windows.map(({ count, perMs }) => {
        const nth = kept.at(-count);
        return nth ? Math.min(perMs, nth.at + perMs - nowMs) : 0;
      });
      const wait = Math.max(0, ...waits);
      if (wait === 0) kept.push({ id, at: nowMs });
      return wait;
    },
    async giveBack(key, id) {
      const kept = opens.get(key)?.filter((open) => open.id !== id);
      if (kept) opens.set(key, kept);
    },
    shutOut: async (key, shutOut) => void shutOuts.set(key, shutOut),
    lastShutOut: async (key) => shutOuts.get(key) ?? null,
  };
}
