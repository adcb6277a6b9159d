import { describe, expect, test } from 'bun:test';
import { HostBreakers } from '../../src/application/streams/host-breakers.ts';
import { loadSettings } from '../../src/config/load.ts';
import { LimitedGate } from '../../src/core/connection/open-gate.ts';
import { memoryBreakers } from '../../src/infra/memory/breakers.ts';
import { answer, coin, LIMITS, type Rig, rig, type Serve, seeded } from './connection-parts.ts';
import { ManualClock } from './manual-clock.ts';

/** An exchange is back when its first connection is live: /readyz asks for no more. */
const BACK_WITHIN_MS = 30_000;
/** Of all sockets together, once the breaker is open. */
const ATTEMPTS_A_MINUTE = 12;

/** What an exchange that is away does with whoever comes. */
const AWAY: Readonly<Record<string, Serve>> = {
  'refuses with 503': (socket) => socket.end(1006, '', 503),
  'closes at once': (socket) => {
    socket.accept();
    socket.end(1001, 'maintenance');
  },
  'says nothing': () => {},
};

/** Sockets to one host behind the gate of a collector with its default settings. */
class Host {
  readonly clock: ManualClock;
  readonly opens: number[] = [];
  readonly rigs: Rig[];
  away: Serve | null = null;

  constructor(sockets: number, seed: number) {
    this.clock = new ManualClock(undefined, seeded(seed));
    const { breaker } = loadSettings({ folder: null, environment: {}, overrides: [], flags: {} });
    const breakers = new HostBreakers({
      store: memoryBreakers(),
      figures: {
        failureThreshold: breaker.failure_threshold,
        windowMs: breaker.window_ms,
        openMs: breaker.open_ms,
        halfOpenMaxCalls: breaker.half_open_max_calls,
        successThreshold: breaker.success_threshold,
      },
      clock: this.clock,
      onChange() {},
    });
    const gate = new LimitedGate(this.clock, LIMITS, breakers);
    const serve: Serve = (socket, nth) => {
      this.opens.push(this.clock.now());
      if (this.away) return this.clock.after(20, () => this.away?.(socket, nth));
      this.clock.after(50, () => socket.accept());
      socket.onSend = (text) => answer(this.clock, socket, text);
    };
    this.rigs = Array.from({ length: sockets }, (_, at) => {
      const made = rig({ clock: this.clock, gate, serve });
      made.connection.update([coin(`C${at}`)]);
      made.connection.start();
      return made;
    });
  }

  get live(): number {
    return this.rigs.filter(({ connection }) => connection.snapshot().state === 'live').length;
  }

  goAway(serve: Serve): void {
    this.away = serve;
    for (const { sockets } of this.rigs) for (const socket of sockets) socket.end(1001, 'maintenance');
  }

  /** @returns after how long the first connection is live, and after how long all are; in ms */
  async comeBack(mostMs: number): Promise<{ readonly first: number; readonly all: number }> {
    this.away = null;
    let first = Number.POSITIVE_INFINITY;
    const stepMs = 250;
    for (let ms = 0; ms <= mostMs; ms += stepMs) {
      if (this.live > 0) first = Math.min(first, ms);
      if (this.live === this.rigs.length) return { first, all: ms };
      await this.clock.advance(stepMs);
    }
    return { first, all: Number.POSITIVE_INFINITY };
  }
}

describe('an exchange that was away', () => {
  for (const [how, serve] of Object.entries(AWAY)) {
    for (const sockets of [1, 12]) {
      test(`and ${how} is back within 30 s of its return, however long it was, with ${sockets} socket(s)`, async () => {
        for (const [seed, awayMs] of [18_000, 31_000, 47_000, 90_000, 240_000, 1_800_000].entries()) {
          const host = new Host(sockets, seed + 1);
          await host.clock.advance(20_000);
          expect(host.live).toBe(sockets);
          host.goAway(serve);
          await host.clock.advance(awayMs);
          expect(host.live).toBe(0);
          const { first, all } = await host.comeBack(120_000);
          expect(first).toBeLessThanOrEqual(BACK_WITHIN_MS);
          expect(all).toBeLessThanOrEqual(2 * BACK_WITHIN_MS);
        }
      });
    }

    test(`and ${how} sees few attempts meanwhile, of however many sockets`, async () => {
      const host = new Host(40, 7);
      await host.clock.advance(20_000);
      host.goAway(serve);
      // Those under way when the breaker opens are attempts, too.
      await host.clock.advance(60_000);
      const before = host.opens.length;
      const minutes = 60;
      await host.clock.advance(minutes * 60_000);
      expect((host.opens.length - before) / minutes).toBeLessThanOrEqual(ATTEMPTS_A_MINUTE);
      expect(host.opens.length - before).toBeGreaterThan(minutes);
    });
  }
});
