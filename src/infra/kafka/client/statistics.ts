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

/** What the statistics say about partitions and what slows them. */
export interface PartitionStatistics {
  /** Of each topic the partitions whose messages nobody acknowledged yet. */
  readonly waiting: ReadonlyMap<string, ReadonlySet<number>>;
  /** Messages that are in requests to brokers. */
  readonly inRequests: number;
  /** Addresses that the client knows, those of the bootstrap list included. 0: it will never connect again. */
  readonly addresses: number;
  /** Milliseconds since any broker sent anything; infinite where none ever has. */
  readonly silentMs: number;
  readonly brokers: readonly {
    readonly id: number;
    readonly state: string;
    /** How long the broker delayed answers because of a quota, mean over the last interval. */
    readonly throttledMs: number;
  }[];
}

/** Brokers of the bootstrap list have no id of their own until they told it. */
const LEARNED = 0;
const MICROS_PER_MS = 1000;
/** Sources of librdkafka's own handles that stand for no broker. */
const NO_ADDRESS = new Set(['internal', 'logical']);

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
      brokers: learned(all).map((broker) => ({
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

/** Reads what the same JSON says about partitions; null where it is not what librdkafka writes. */
export function readPartitions(json: string): PartitionStatistics | null {
  try {
    const all = JSON.parse(json) as Statistics;
    const waiting = new Map<string, Set<number>>();
    let inRequests = 0;
    for (const { topic, partitions } of Object.values(all.topics)) {
      const some = Object.values(partitions).filter((one) => {
        inRequests += one.msgs_inflight;
        return one.partition >= 0 && one.msgq_cnt + one.xmit_msgq_cnt + one.msgs_inflight > 0;
      });
      waiting.set(topic, new Set(some.map(({ partition }) => partition)));
    }
    const brokers = learned(all).map(({ nodeid, state, throttle }) => ({
      id: nodeid,
      state,
      throttledMs: throttle.avg,
    }));
    const reachable = Object.values(all.brokers).filter(({ source }) => !NO_ADDRESS.has(source));
    const heard = reachable.filter(({ rxidle }) => rxidle >= 0).map(({ rxidle }) => rxidle / MICROS_PER_MS);
    return {
      waiting,
      inRequests,
      brokers,
      addresses: reachable.length,
      silentMs: Math.min(Number.POSITIVE_INFINITY, ...heard),
    };
  } catch {
    return null;
  }
}

function learned({ brokers }: Statistics) {
  return Object.values(brokers).filter(({ nodeid }) => nodeid >= LEARNED);
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
    {
      name: string;
      nodeid: number;
      source: string;
      state: string;
      /** Microseconds since something was received; −1 where nothing was. */
      rxidle: number;
      txerrs: number;
      rtt: { avg: number; p99: number };
      /** In milliseconds. */
      throttle: { avg: number };
    }
  >;
  topics: Record<
    string,
    {
      topic: string;
      partitions: Record<
        string,
        { partition: number; msgq_cnt: number; xmit_msgq_cnt: number; msgs_inflight: number }
      >;
    }
  >;
}
