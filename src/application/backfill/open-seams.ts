import type { Market } from '../../core/market/market.ts';
import type { Lane } from '../../core/pipeline/lane.ts';
import type { Seam } from '../../core/pipeline/seam.ts';
import type { LastTrade } from './fill-task.ts';

/** Gaps of one code that begin before one of them is told as over. */
const MOST = 16;

/** Where trades of a code may be missing, as long as its gap was not told as over. */
export interface OpenSeam {
  readonly market: Market;
  readonly lane: Lane;
  readonly seam: Seam;
  readonly before: Promise<LastTrade | null>;
}

/** The places in the trades of codes that are lost now, in the order of their gaps. */
export class OpenSeams {
  readonly #byCode = new Map<string, OpenSeam[]>();

  open(seam: OpenSeam): void {
    const { code } = seam.market;
    const open = this.#byCode.get(code) ?? [];
    this.#byCode.set(code, open);
    open.push(seam);
    const oldest = open.length > MOST ? open.shift() : undefined;
    oldest?.lane.closeSeam(oldest.seam);
  }

  /** The oldest of a code: its gap is over. */
  told(code: string): OpenSeam | undefined {
    return this.#byCode.get(code)?.shift();
  }

  clear(): void {
    this.#byCode.clear();
  }
}
