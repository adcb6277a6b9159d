export interface ProduceOptions {
  bootstrap: string;
  topic: string;
  key?: string;
  /** Bytes or text as they are, an object as JSON, null as a tombstone. */
  value: Buffer | string | object | null;
  headers?: Record<string, string>;
}

/** Writes one message by kcat and returns when the broker has it. The topic must be there: see `createTopic`. */
export async function produce(options: ProduceOptions): Promise<void> {
  const { bootstrap, topic, key, value, headers = {} } = options;
  // Delimiters that occur nowhere else keep the input one message, be it of many lines or of no byte.
  const [afterKey, afterValue] = [crypto.randomUUID(), crypto.randomUUID()];
  const argv = [
    'kcat',
    '-P',
    '-b',
    bootstrap,
    '-t',
    topic,
    '-D',
    afterValue,
    '-X',
    'message.timeout.ms=20000',
  ];
  if (key !== undefined) argv.push('-K', afterKey);
  for (const [name, text] of Object.entries(headers)) argv.push('-H', `${name}=${text}`);
  if (value === null) argv.push('-Z');
  const input = [Buffer.from(key === undefined ? '' : key + afterKey), bytes(value), Buffer.from(afterValue)];
  const kcat = Bun.spawn(argv, { stdin: Buffer.concat(input), stdout: 'ignore', stderr: 'pipe' });
  const [said, code] = await Promise.all([kcat.stderr.text(), kcat.exited]);
  if (code !== 0) throw new Error(`kcat could not write to ${topic}: ${said.trim()}`);
}

function bytes(value: ProduceOptions['value']): Buffer {
  if (value === null) return Buffer.alloc(0);
  if (Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}
