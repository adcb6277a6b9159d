import type { World } from '../world.ts';

/** What /readyz has to say of a fault while it lasts. */
export type Expected =
  /** 503 (or no answer, of a process that stands still) within 15 s, and again and again until the end. */
  | 'unready'
  /** That, or a warning that was not there before. */
  | 'told'
  /** Nothing: it harms no work, or is over before it could be told. */
  | 'nothing';

/** Something bad that happens for a while. */
export interface Fault {
  readonly name: string;
  /** How long it lasts, in seconds, in the run of 15 minutes; in a shorter one it lasts shorter, but not below `least`. */
  readonly lasts: number;
  readonly least: number;
  /** Quiet time after it, in seconds, scaled the same way. */
  readonly calm: number;
  readonly expects: Expected;
  /** Topics whose rows must wait for its end; `all`, or none. */
  readonly delays: 'all' | 'none' | readonly string[];
  /** Left out where the whole run is shorter than so many minutes. */
  readonly fromMinutes?: number;
  begin(world: World): Promise<void>;
  /** Resolves when nothing of it is left. */
  end(world: World): Promise<void>;
}
