import { EXCHANGES } from '../../exchanges/index.ts';
import { EXIT, type ExitCode, Fault, messageOf } from '../common/errors.ts';
import { didYouMean } from '../common/nearest.ts';
import { ACTIONS } from '../core/commands/command.ts';
import type { ClusterOptions } from '../infra/kafka/client/client-options.ts';
import { openTopicReader, type TopicReader } from '../infra/kafka/consume/topic-reader.ts';
import { produceOne } from '../infra/kafka/produce/produce-one.ts';
import { topicName } from '../infra/kafka/topics/topics.ts';
import { type Args, commaList, readArgs, usage } from './args.ts';
import type { Command } from './command.ts';
import { clusterOf } from './kafka-address.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';
import { writeOut } from './stdout.ts';

const FLAGS = {
  ...SETTINGS_FLAGS,
  exchange: 'string',
  type: 'string',
  region: 'string',
  symbols: 'string',
  'correlation-id': 'string',
  'ttl-ms': 'string',
  reason: 'string',
  json: 'string',
  'no-wait': 'boolean',
  'timeout-ms': 'string',
} as const;

const TIMEOUT_MS = 15_000;

/** `send` */
export const send: Command = {
  name: 'send',
  summary: 'publish a command on ws.command and print its reply',
  usage: `kor-coin-stream send ACTION --exchange ID --type TYPE [--symbols A,B] [--config DIR] [--set PATH=VALUE]…
kor-coin-stream send --json '{"type":"command",…}'

ACTION is ${ACTIONS.join(', ')}.
Prints the reply as one JSON line. Exit 0: accepted, or nothing to do; 64: refused; 69: no reply in time.

--exchange ID          the exchange
--type TYPE            ticker, trade, …
--region REGION        the exchange's own where it is left out
--symbols A,B          native ids, codes, or "*" for every market
--correlation-id ID    a random one where it is left out
--ttl-ms N             refused when it is older than this
--reason TEXT          for the record
--json TEXT            the whole command instead
--no-wait              ends when the broker has the command
--timeout-ms N         how long the reply is waited for (${TIMEOUT_MS})
${SETTINGS_USAGE}`,
  async run(args) {
    const read = readArgs('send', args, FLAGS, 2);
    const json = read.value('json');
    if (json !== undefined && read.positionals.length > 0) {
      throw usage('send', '--json holds the whole command; give no action beside it.');
    }
    const command = json === undefined ? commandOf(read) : parsed(json);
    const timeoutMs = Number(read.value('timeout-ms') ?? TIMEOUT_MS);
    if (!(timeoutMs > 0)) throw usage('send', '--timeout-ms is not a number above 0.');
    return sendCommand(clusterOf(settingsOf(read)), command, read.has('no-wait') ? null : timeoutMs);
  },
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * Publishes a command and waits for its reply, by the correlation id.
 * @param timeoutMs null: does not wait
 * @throws Fault as Kafka's clients do
 */
export async function sendCommand(
  cluster: ClusterOptions,
  command: Fields,
  timeoutMs: number | null,
): Promise<ExitCode> {
  const boundMs = timeoutMs ?? TIMEOUT_MS;
  const message = {
    topic: topicName('ws.command', null),
    key: keyOf(command.target),
    value: Buffer.from(JSON.stringify(command)),
    headers: headersOf(command),
  };
  if (timeoutMs === null) {
    await produceOne(cluster, message, boundMs);
    return EXIT.ok;
  }
  const events = { topics: [topicName('ws.event', null)], from: 'end', timeoutMs: boundMs } as const;
  const reader = await openTopicReader({ ...cluster, ...events });
  try {
    await produceOne(cluster, message, boundMs);
    const reply = await replyTo(reader, command.correlation_id ?? command.ticket_id, timeoutMs);
    if (reply === null) {
      const what = `No reply within ${timeoutMs} ms; the command lies in ws.command and will be answered there.`;
      console.error(what);
      return EXIT.unavailable;
    }
    await writeOut(`${JSON.stringify(reply)}\n`);
    return reply.outcome === 'refused' ? EXIT.usage : EXIT.ok;
  } finally {
    await reader.close();
  }
}

async function replyTo(
  reader: TopicReader,
  correlationId: unknown,
  timeoutMs: number,
): Promise<Fields | null> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    for (const { value } of await reader.next()) {
      const event = eventOf(value);
      if (event?.kind === 'reply' && event.correlation_id === correlationId) return event;
    }
  }
  return null;
}

function eventOf(value: Uint8Array | null): Fields | null {
  try {
    const json: unknown = value === null ? null : JSON.parse(Buffer.from(value).toString());
    return typeof json === 'object' ? (json as Fields | null) : null;
  } catch {
    return null;
  }
}

function commandOf(read: Args): Fields {
  const [action, ...more] = read.positionals;
  if (!ACTIONS.some((known) => known === action) || more.length > 0) {
    throw usage(
      'send',
      `the action must be one of ${ACTIONS.join(', ')}.${didYouMean(action ?? '', ACTIONS)}`,
    );
  }
  const id = read.value('exchange');
  const exchange = EXCHANGES.find((known) => known.id === id);
  const region = read.value('region') ?? exchange?.region;
  const type = read.value('type');
  if (id === undefined) throw usage('send', '--exchange is missing.');
  if (region === undefined) {
    const ids = EXCHANGES.map((one) => one.id);
    throw usage('send', `--exchange ${id} is not known here; name its --region.${didYouMean(id, ids)}`);
  }
  if (type === undefined) throw usage('send', '--type is missing.');
  const ttl = read.value('ttl-ms');
  const reason = read.value('reason');
  const symbols = commaList(read.value('symbols'));
  return {
    type: 'command',
    action,
    target: { exchange: id, region, request_type: type },
    ...(symbols.length > 0 ? { symbols } : {}),
    correlation_id: read.value('correlation-id') ?? crypto.randomUUID(),
    ...(ttl === undefined ? {} : { ttl_ms: millisecondsOf(ttl) }),
    ts_issue: Date.now(),
    ...(reason === undefined ? {} : { reason }),
  };
}

function millisecondsOf(ttl: string): number {
  if (/^[1-9]\d{0,14}$/.test(ttl)) return Number(ttl);
  throw usage('send', `--ttl-ms ${ttl}: milliseconds are whole and above 0.`);
}

function parsed(json: string): Fields {
  let command: unknown;
  try {
    command = JSON.parse(json);
  } catch (error) {
    throw usage('send', `--json: ${messageOf(error)}.`);
  }
  if (typeof command !== 'object' || command === null || Array.isArray(command)) {
    throw new Fault('usage', 'send', '--json is not a JSON object.', 'See: kor-coin-stream help send');
  }
  const fields = command as Fields;
  const named = typeof fields.correlation_id === 'string' || typeof fields.ticket_id === 'string';
  return named ? fields : { ...fields, correlation_id: crypto.randomUUID() };
}

/** Those of every JSON message of ours. */
function headersOf({ correlation_id, ticket_id }: Fields): Record<string, string>[] {
  const id = correlation_id ?? ticket_id;
  const own = [{ 'content-type': 'application/json' }, { 'schema-version': '0' }];
  return typeof id === 'string' ? [...own, { 'correlation-id': id }] : own;
}

/** `{region}|{exchange}|{request_type}`, which keeps the commands of a stream in order. */
function keyOf(target: unknown): string | null {
  if (typeof target !== 'object' || target === null) return null;
  const { region, exchange, request_type } = target as Fields;
  return [region, exchange, request_type].join('|');
}
