import type { Collector } from '../config/container.ts';
import { feedWatchdog, type ServiceManager } from '../infra/process/notify.ts';

const LOOK_MS = 250;

/**
 * Tells the service manager that the collector is ready, once it reads commands or a stream is live, and from then on
 * that it lives.
 */
export function tellReady(manager: ServiceManager, collector: Collector): void {
  const { messaging, orchestrator, clock } = collector;
  const look = (): void => {
    const live = orchestrator.streams().some(({ state }) => state === 'live');
    if (!live && messaging.bootstrap === null) {
      clock.after(LOOK_MS, look);
      return;
    }
    manager.notify(`READY=1\nSTATUS=${live ? 'streams are live' : 'commands are read'}`);
    feedWatchdog(manager, clock);
  };
  look();
}
