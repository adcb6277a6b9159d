import type { ActualStore, DesiredStore } from '../application/state-store.ts';

export function openStore(..._parts: unknown[]): {
  desired: DesiredStore;
  actual: ActualStore;
  start(ms: number): Promise<void>;
  stop(): Promise<void>;
} {
  return {
    desired: {
      read: async () => null,
      readAll: async () => [],
      write: async () => true,
      onNudge: () => () => {},
    },
    actual: { write: async () => true, read: async () => null, remove: async () => true },
    start: async () => {},
    stop: async () => {},
  };
}
