import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BINARY, demand, NAME, type Place, SETTINGS, STATE, type Step, UNIT } from './steps.ts';

/**
 * What takes the service away, in order: it is stopped, unit and binary go. Settings, state and user stay, since they
 * cannot be had again.
 * @param purge takes those as well
 */
export function removeSteps(place: Place, purge: boolean): Step[] {
  const { root, run, systemd } = place;
  const at = (path: string): string => join(root || '/', path);
  const own = root === '';
  const installed = existsSync(at(UNIT));
  const steps: Step[] = [
    {
      what: NAME,
      ensure() {
        if (!installed || !systemd || !own) return null;
        demand(run, ['systemctl', 'disable', '--now', NAME]);
        return 'stopped and disabled';
      },
    },
    ...[UNIT, BINARY].map((path) => ({ what: path, ensure: () => gone(at(path)) })),
    {
      what: 'systemd',
      ensure() {
        if (!installed || !systemd || !own) return null;
        demand(run, ['systemctl', 'daemon-reload']);
        return 'reloaded';
      },
    },
  ];
  if (!purge) return steps;
  return [
    ...steps,
    ...[SETTINGS, STATE].map((path) => ({ what: path, ensure: () => gone(at(path)) })),
    {
      what: `user ${NAME}`,
      ensure() {
        if (!own || run(['getent', 'passwd', NAME]) !== 0) return null;
        demand(run, ['userdel', NAME]);
        return 'removed';
      },
    },
  ];
}

function gone(path: string): string | null {
  if (!existsSync(path)) return null;
  rmSync(path, { recursive: true });
  return 'removed';
}
