import type { Cancel, Clock } from '../../common/clock.ts';
import type { Hole } from './id-watch.ts';
import type { Lane } from './lane.ts';

/** A hole in consecutive ids is told after this long, in milliseconds: late trades may still fill it. */
const GRACE_MS = 2000;

/** Trades of `lane` that never came. */
export interface LaneHole {
  readonly lane: Lane;
  readonly hole: Hole;
}

/** Told of holes whose time of grace ended together. */
export type OnMissing = (holes: readonly LaneHole[]) => void;

/** Tells holes in trade ids once their time of grace is over. */
export class HoleReport {
  readonly #clock: Clock;
  readonly #missing: OnMissing;
  readonly #lanes = new Set<Lane>();
  #cancel: Cancel | null = null;

  constructor(clock: Clock, missing: OnMissing) {
    this.#clock = clock;
    this.#missing = missing;
  }

  /** A hole opened in `lane`. */
  opened(lane: Lane): void {
    this.#lanes.add(lane);
    this.#cancel ??= this.#clock.after(GRACE_MS, () => this.#tell(this.#clock.now()));
  }

  /** Tells what is left: nothing more will come. */
  close(): void {
    this.#cancel?.();
    this.#tell(Number.POSITIVE_INFINITY);
  }

  #tell(nowMs: number): void {
    this.#cancel = null;
    const told: LaneHole[] = [];
    for (const lane of this.#lanes) {
      for (const hole of lane.watch?.missing(nowMs, GRACE_MS) ?? []) {
        lane.missing += hole.last - hole.first + 1;
        told.push({ lane, hole });
      }
      if (!lane.watch?.waiting) this.#lanes.delete(lane);
    }
    if (told.length > 0) this.#missing(told);
    if (this.#lanes.size > 0)
      this.#cancel = this.#clock.after(GRACE_MS / 4, () => this.#tell(this.#clock.now()));
  }
}
