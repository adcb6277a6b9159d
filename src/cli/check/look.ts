import type { Fault } from '../../common/errors.ts';

/** What a look has found. */
export interface Found {
  readonly words: string;
  /** Something to know that hinders no start. */
  readonly doubtful?: boolean;
}

/** One thing that a start needs. */
export interface Look {
  readonly name: string;
  /** @throws {Fault} what is wrong */
  look(): Promise<Found | string>;
}

/** A failure that is worth a line and no more, such as an exchange that no stream is configured for. */
export function doubt(fault: Fault): Found {
  return { words: `${fault.message} ${fault.remedy}`, doubtful: true };
}
