import type { Fault } from '../../common/errors.ts';

/** What a look has found. */
export interface Found {
  readonly words: string;
  /** Something to know that hinders no start. */
  readonly doubtful?: boolean;
  /** What to do about it; said once where several have the same. */
  readonly remedy?: string;
}

/** One thing that a start needs. */
export interface Look {
  readonly name: string;
  /** @throws {Fault} what is wrong */
  look(): Promise<Found | string>;
}

/** A failure that is worth a line and no more, such as an exchange that no stream is configured for. */
export function doubt(fault: Fault): Found {
  return { words: fault.message, doubtful: true, remedy: fault.remedy };
}
