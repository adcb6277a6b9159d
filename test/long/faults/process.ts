import type { World } from '../world.ts';
import type { Fault } from './fault.ts';

const STALL_MS = { least: 30, most: 500 };
const STALL_EVERY_MS = 700;
const BURNERS = 3;
const KILLS_APART_MS = 6000;

/** Stands still for a moment, again and again, as on a machine that others keep busy. */
export function stalls(): Fault {
  let ended = false;
  let running: Promise<void> = Promise.resolve();
  return {
    name: 'stalls',
    lasts: 20,
    least: 8,
    calm: 8,
    expects: 'nothing',
    delays: 'none',
    async begin(world) {
      ended = false;
      running = stallAgainAndAgain(world, () => ended);
    },
    async end() {
      ended = true;
      await running;
    },
  };
}

async function stallAgainAndAgain({ collector, suffered }: World, ended: () => boolean): Promise<void> {
  for (let nth = 0; !ended(); nth++) {
    const from = Date.now();
    collector.freeze();
    await Bun.sleep(STALL_MS.least + ((nth * 97) % (STALL_MS.most - STALL_MS.least)));
    collector.thaw();
    suffered.push({ name: 'stall', from, to: Date.now() });
    await Bun.sleep(STALL_EVERY_MS);
  }
}

/** Other programs want the same cores. */
export function busyCores(): Fault {
  let burners: Bun.Subprocess[] = [];
  return {
    name: 'busy-cores',
    lasts: 20,
    least: 8,
    calm: 8,
    expects: 'nothing',
    delays: 'none',
    async begin() {
      burners = Array.from({ length: BURNERS }, () =>
        Bun.spawn(['setpriv', '--pdeathsig', 'KILL', process.execPath, '-e', 'for (;;);'], {
          stdio: ['ignore', 'ignore', 'ignore'],
        }),
      );
    },
    async end() {
      for (const burner of burners) burner.kill('SIGKILL');
      await Promise.all(burners.map(({ exited }) => exited));
    },
  };
}

/** Killed as by a power cut, and started again by whoever looks after it. */
export function kills(name: string, count: number, calm: number, fromMinutes = 0): Fault {
  return {
    name,
    lasts: 0,
    least: 0,
    calm,
    expects: 'nothing',
    delays: 'none',
    fromMinutes,
    async begin({ collector }) {
      for (let nth = 0; nth < count; nth++) {
        if (nth > 0) await Bun.sleep(KILLS_APART_MS);
        await collector.kill9();
      }
    },
    async end() {},
  };
}

/** A machine that was suspended, a process that was stopped. */
export function freeze(name: string, calm: number, fromMinutes = 0): Fault {
  return {
    name,
    lasts: 70,
    least: 20,
    calm,
    expects: 'unready',
    delays: 'all',
    fromMinutes,
    async begin({ collector }) {
      collector.freeze();
    },
    async end({ collector }) {
      collector.thaw();
    },
  };
}
