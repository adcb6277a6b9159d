import type { OutboxWorld } from './outbox-parts.ts';

interface StatusOf {
  readonly budget: { readonly used_bytes: number; readonly total_bytes: number };
  readonly outbox: {
    readonly messages: number;
    readonly spilling: readonly string[];
    readonly totals: Record<string, number>;
  };
  readonly streams: readonly {
    readonly paused: boolean;
    readonly totals: { readonly rows: number; readonly repeats: number; readonly acknowledged: number };
  }[];
}

/** What was seen while the brokers were away, and after. */
export interface OutageSeen {
  /** Streams that stood still for the budget, in all looks together. */
  readonly paused: number;
  /** The most of the budget that was used, as a part of it. */
  readonly used: number;
  /** Resident memory, MiB: when the outbox began to spill and had its size, and the most after that. */
  readonly settledMiB: number;
  readonly mostMiB: number;
  /** Messages on disk at the end of the outage. */
  readonly onDisk: number;
  readonly spilled: number;
  readonly readBack: number;
  /** From the brokers' return until nothing was on disk alone, s; and rows acknowledged in that time by the second. */
  readonly catchUpS: number;
  readonly catchUpRowsPerS: number;
  /** Rows received less repeats and acknowledgements, ten seconds later at most. */
  readonly pending: number;
}

const LOOK_MS = 1_000;
/** A second of the smallest load here. */
const JUST_CAME = 1_500;
const ACKNOWLEDGED_WITHIN_MS = 10_000;
/** Part of the outage after which memory has its size. */
const SETTLED = 0.25;

/** Brokers away for so long, under load. */
export async function outage(world: OutboxWorld, awayMs: number): Promise<OutageSeen> {
  const { url } = world;
  let paused = 0;
  let used = 0;
  let settledMiB = 0;
  let mostMiB = 0;
  const look = async (): Promise<StatusOf> => {
    const status = (await (await fetch(`${url}/status`)).json()) as StatusOf;
    paused += status.streams.filter((stream) => stream.paused).length;
    used = Math.max(used, status.budget.used_bytes / status.budget.total_bytes);
    return status;
  };
  const resident = async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^kcs_process_resident_memory_bytes (\S+)/m.exec(text)?.[1]) / 1024 ** 2;
  };
  await world.kafka.kill9();
  const began = Date.now();
  let status = await look();
  while (Date.now() - began < awayMs) {
    await Bun.sleep(LOOK_MS);
    status = await look();
    const mib = await resident();
    if (Date.now() - began < awayMs * SETTLED) settledMiB = Math.max(settledMiB, mib);
    else mostMiB = Math.max(mostMiB, mib);
  }
  const onDisk = status.outbox.messages;
  const before = acknowledged(status);
  await world.kafka.restart();
  const back = Date.now();
  do {
    await Bun.sleep(LOOK_MS / 4);
    status = await look();
  } while (status.outbox.spilling.length > 0 && Date.now() - back < awayMs + 120_000);
  const catchUpS = (Date.now() - back) / 1000;
  const rows = acknowledged(status) - before;
  const { spilled = 0, read_back = 0 } = status.outbox.totals;
  return {
    ...{ paused, used, settledMiB, mostMiB, onDisk, spilled, readBack: read_back },
    ...{ catchUpS, catchUpRowsPerS: Math.round(rows / catchUpS), pending: await pending(look) },
  };
}

/** Once what was read back last had time to be acknowledged; or sooner, where that is so of all but what has just come. */
async function pending(look: () => Promise<StatusOf>): Promise<number> {
  const until = Date.now() + ACKNOWLEDGED_WITHIN_MS;
  for (;;) {
    const { streams } = await look();
    const rows = streams.reduce(
      (sum, { totals }) => sum + totals.rows - totals.repeats - totals.acknowledged,
      0,
    );
    if (rows < JUST_CAME || Date.now() > until) return rows;
    await Bun.sleep(LOOK_MS / 4);
  }
}

function acknowledged({ streams }: StatusOf): number {
  return streams.reduce((sum, { totals }) => sum + totals.acknowledged, 0);
}
