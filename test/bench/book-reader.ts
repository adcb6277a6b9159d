import type { Event, Session } from '../../src/core/exchange.ts';
import { flaw } from '../../src/core/market/validate.ts';
import { textOf } from '../../src/core/pipeline/decode.ts';
import type { Frame } from './book-feed.ts';

const FIRST_AT = 1_790_000_000_000_000;
/** From one frame to the next, in µs. */
const APART = 100;

/** From the wire to sound rows, as the pipeline does it. */
export class BookReader {
  rows = 0;
  /** What was refused, or broke; '' where nothing did. */
  wrong = '';
  readonly #session: Session;
  #at = FIRST_AT;

  constructor(session: Session) {
    this.#session = session;
  }

  read(frame: Frame): void {
    this.#at += APART;
    const { scanned } = this.#session;
    const found = scanned?.scan(frame);
    if (scanned && found) scanned.read(found, this.#at, this.#emit);
    else this.#session.read(textOf(frame), this.#at, this.#emit);
  }

  readonly #emit = (event: Event): void => {
    if (event.kind === 'orderbook') {
      if (event.checksum_ok === false) this.wrong = 'a checksum does not fit';
      const wrong = flaw(event);
      if (wrong === null) this.rows++;
      else this.wrong = wrong;
    } else if (event.kind === 'reject') this.wrong = event.reason;
    else if (event.kind === 'refused') this.wrong = `refused: ${event.reason}`;
    else if (event.kind === 'book' && !event.whole && event.cause)
      this.wrong = `a book broke: ${event.cause}`;
  };
}
