/** What `audit` found that it cannot explain, as far as it is looked at here. */
export interface Found {
  readonly kind: string;
  readonly exchange: string;
  readonly request_type: string;
  /** Epoch µs; null where it has no time. */
  readonly from: number | null;
}

/** A topic that was deleted with what was in it, and when it had been made again, epoch ms. */
export interface Deleted {
  readonly topic: string;
  readonly until: number;
}

/**
 * What of it is not the doing of who deleted a topic: of that `audit` rightly says that acknowledged rows are not there.
 * @param regionOf the region of an exchange
 */
export function notDeleted<F extends Found>(
  found: readonly F[],
  deleted: readonly Deleted[],
  regionOf: (exchange: string) => string,
): F[] {
  return found.filter(({ kind, exchange, request_type, from }) => {
    const topic = `${request_type}-data.${regionOf(exchange)}`;
    const gone = deleted.some((one) => one.topic === topic && (from ?? 0) / 1000 <= one.until);
    return !(kind === 'minute' && gone);
  });
}
