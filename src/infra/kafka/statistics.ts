/** The figures of librdkafka's statistics that the program shows. */
export interface ClientStatistics {
  /** Messages and bytes in the client's own queues. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** Bytes and requests sent to brokers, and messages sent, since the client began. */
  readonly sentBytes: number;
  readonly sentMessages: number;
  readonly requests: number;
  readonly brokers: readonly BrokerStatistics[];
}

export interface BrokerStatistics {
  readonly name: string;
  readonly state: string;
  /** Round trip of requests in milliseconds, over the last interval. */
  readonly rttAvgMs: number;
  readonly rttP99Ms: number;
  /** Requests that failed, since the client began. */
  readonly requestErrors: number;
}

/** Brokers of the bootstrap list have no id of their own until they told it. */
const LEARNED = 0;
const MICROS_PER_MS = 1000;

/** Reads librdkafka's JSON; null where it is not what librdkafka writes. */
export function readStatistics(json: string): ClientStatistics | null {
  try {
    const all = JSON.parse(json) as Statistics;
    return {
      queuedMessages: all.msg_cnt,
      queuedBytes: all.msg_size,
      sentBytes: all.tx_bytes,
      sentMessages: all.txmsgs,
      requests: all.tx,
      brokers: Object.values(all.brokers)
        .filter((broker) => broker.nodeid >= LEARNED)
        .map((broker) => ({
          name: broker.name,
          state: broker.state,
          rttAvgMs: broker.rtt.avg / MICROS_PER_MS,
          rttP99Ms: broker.rtt.p99 / MICROS_PER_MS,
          requestErrors: broker.txerrs,
        })),
    };
  } catch {
    return null;
  }
}

/** The part of STATISTICS.md of librdkafka that is read here. */
interface Statistics {
  msg_cnt: number;
  msg_size: number;
  tx: number;
  tx_bytes: number;
  txmsgs: number;
  brokers: Record<
    string,
    { name: string; nodeid: number; state: string; txerrs: number; rtt: { avg: number; p99: number } }
  >;
}
