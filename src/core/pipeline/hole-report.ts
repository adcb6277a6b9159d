import type { Hole } from './id-watch.ts';
import type { Lane } from './lane.ts';
import { PATIENCE_MS } from './takeover.ts';

/**
 * A hole in consecutive ids is told after this long, in milliseconds: late trades may still fill it, and those that are
 * held back during a takeover are let go before.
 */
const GRACE_MS = PATIENCE_MS * 1.2;

/** Trades of `lane` that never came. */
export interface LaneHole {
  readonly lane: Lane;
  readonly hole: Hole;
}

/** Told of holes whose time of grace ended together. */
export type OnMissing = (holes: readonly LaneHole[]) => void;

/** Tells holes in trade ids once their time of grace is over. */
export class HoleReport {
  readonly #missing: OnMissing;
  readonly #held: (lane: Lane, hole: Hole) => boolean;
  readonly #lanes = new Set<Lane>();

  /** @param held whether a trade of a hole is here and only waits to go on */
  constructor(missing: OnMissing, held: (lane: Lane, hole: Hole) => boolean) {
    this.#missing = missing;
    this.#held = held;
  }

  /** Whether there are holes that are not told. */
  get waiting(): boolean {
    return this.#lanes.size > 0;
  }

  /** A hole opened in `lane`. */
  opened(lane: Lane): void {
    this.#lanes.add(lane);
  }

  /** To be called again and again: tells what is due. */
  look(nowMs: number): void {
    this.#tell(nowMs, GRACE_MS);
  }

  /** Tells what is left: nothing more will come. */
  close(): void {
    this.#tell(Number.POSITIVE_INFINITY, 0);
  }

  #tell(nowMs: number, graceMs: number): void {
    const told: LaneHole[] = [];
    for (const lane of this.#lanes) {
      for (const hole of lane.watch?.missing(nowMs, graceMs, (one) => this.#held(lane, one)) ?? []) {
        lane.missing += hole.last - hole.first + 1;
        told.push({ lane, hole });
      }
      if (!lane.watch?.waiting) this.#lanes.delete(lane);
    }
    if (told.length > 0) this.#missing(told);
  }
}
