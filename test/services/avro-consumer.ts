import { type Schema, Type } from 'avsc';
import { KCAT_FORMAT, type RawMessage, takeMessages } from './kcat-frames.ts';

/**
 * Reads topics the way another company's program would: by kcat and plain HTTP, with no line of the product's. What
 * it returns is what really lies in Kafka.
 */

export interface Message<Value> {
  key: string | null;
  /** Decoded Avro or JSON; null for a tombstone. */
  value: Value | null;
  /** The bytes as they lie in the topic. */
  raw: Buffer | null;
  /** The writer's schema id in the registry; null where the value is JSON. */
  schemaId: number | null;
  headers: Record<string, string>;
  partition: number;
  offset: number;
  /** Milliseconds since 1970. */
  timestamp: number;
}

export interface ReadOptions<Value> {
  bootstrap: string;
  topic: string;
  /** Base URL of the schema registry; needed where values are Avro. */
  registry?: string;
  /** How many messages to wait for, or whether those so far suffice. Without it: all that are there now. */
  until?: number | ((messages: Message<Value>[]) => boolean);
  /** Default 30,000. */
  timeoutMs?: number;
  /** Ends the reading with what has come by then. */
  signal?: AbortSignal;
}

const SCAN_WITHIN_MS = 300_000;

/**
 * Reads a topic from its beginning, in the order of each partition, and waits for a topic that is not there yet.
 * Throws when `until` is not reached in time, and when a value cannot be decoded.
 */
export async function readTopic<Value = Record<string, unknown>>(
  options: ReadOptions<Value>,
): Promise<Message<Value>[]> {
  const { topic, until, signal } = options;
  const deadline = Date.now() + (options.timeoutMs ?? 30_000);
  const decode = decoder<Value>(options.registry);
  const messages: Message<Value>[] = [];
  const nextOffset = new Map<number, number>();
  const enough = () =>
    until !== undefined && (typeof until === 'number' ? messages.length >= until : until(messages));

  for (let lastTrouble = ''; ; ) {
    const trouble = await consume(options, deadline, async (batch) => {
      for (const raw of batch) {
        // A kcat that had to be started again reads from the beginning.
        if (raw.offset < (nextOffset.get(raw.partition) ?? 0)) continue;
        nextOffset.set(raw.partition, raw.offset + 1);
        messages.push(await decode(raw));
      }
      return enough();
    });
    if (enough() || signal?.aborted || (until === undefined && trouble === null)) return messages;
    lastTrouble = trouble || lastTrouble;
    if (Date.now() >= deadline) {
      const last = lastTrouble ? `; kcat said: ${lastTrouble}` : '';
      throw new Error(
        `${topic}: ${messages.length} messages came before the time was up, not all that were awaited${last}`,
      );
    }
    await Bun.sleep(200);
  }
}

/**
 * Reads all that is in a topic now and keeps nothing: for topics of hundreds of thousands of messages. Throws where
 * kcat fails or a value cannot be decoded.
 */
export async function scanTopic<Value = Record<string, unknown>>(
  options: Pick<ReadOptions<Value>, 'bootstrap' | 'topic' | 'registry'>,
  take: (message: Message<Value>) => void,
): Promise<void> {
  const decode = decoder<Value>(options.registry);
  const trouble = await consume(options, Date.now() + SCAN_WITHIN_MS, async (batch) => {
    for (const raw of batch) take(await decode(raw));
    return false;
  });
  if (trouble !== null) throw new Error(`${options.topic}: kcat said: ${trouble}`);
}

/** Runs one kcat until it ends, `take` has enough or the time is up. Returns its error message, null where all went well. */
async function consume<Value>(
  { bootstrap, topic, until, signal }: ReadOptions<Value>,
  deadline: number,
  take: (batch: RawMessage[]) => Promise<boolean>,
): Promise<string | null> {
  const impatient = ['-X', 'fetch.wait.max.ms=50', '-X', 'topic.metadata.propagation.max.ms=200'];
  const argv = ['kcat', '-C', '-q', '-u', '-b', bootstrap, '-t', topic, '-o', 'beginning', ...impatient];
  const kcat = Bun.spawn([...argv, ...(until === undefined ? ['-e'] : []), '-f', KCAT_FORMAT], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: Math.max(deadline - Date.now(), 1),
    killSignal: 'SIGKILL',
    ...(signal ? { signal } : {}),
  });
  const said = kcat.stderr.text();
  try {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of kcat.stdout) {
      const taken = takeMessages(Buffer.concat([rest, chunk]));
      rest = taken.rest;
      if (taken.messages.length > 0 && (await take(taken.messages))) return null;
    }
    return (await kcat.exited) === 0 ? null : (await said).trim();
  } finally {
    kcat.kill('SIGKILL');
    await kcat.exited;
  }
}

function decoder<Value>(registry: string | undefined): (raw: RawMessage) => Promise<Message<Value>> {
  const types = new Map<number, Type>();
  return async ({ key, value, ...rest }) => {
    const message = { ...rest, key: key?.toString('utf8') ?? null, raw: value };
    if (value === null) return { ...message, value: null, schemaId: null };
    if (value[0] !== 0) return { ...message, value: JSON.parse(value.toString('utf8')), schemaId: null };
    if (registry === undefined) throw new Error('the topic holds Avro: give the URL of the schema registry');
    const schemaId = value.readInt32BE(1);
    const type = types.get(schemaId) ?? (await fetchType(registry, schemaId));
    types.set(schemaId, type);
    return { ...message, value: type.fromBuffer(value.subarray(5)), schemaId };
  };
}

async function fetchType(registry: string, id: number): Promise<Type> {
  const response = await fetch(`${registry.replace(/\/+$/, '')}/schemas/ids/${id}`);
  if (!response.ok) throw new Error(`the registry has no schema ${id}: HTTP ${response.status}`);
  const { schema } = (await response.json()) as { schema: string };
  return Type.forSchema(JSON.parse(schema) as Schema);
}
