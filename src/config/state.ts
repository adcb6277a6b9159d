import type { ActualStore, DesiredStore } from '../application/state-store.ts';

export function openStore(): { desired: DesiredStore; actual: ActualStore } {
  return {
    desired: {
      read: async () => null,
      readAll: async () => [],
      write: async () => true,
      onNudge: () => () => {},
    },
    actual: { write: async () => true, read: async () => null, remove: async () => true },
  };
}
