import { join } from 'node:path';
import { errorsTable, settingsTable } from '../src/cli/help.ts';
import { type LogFields, PHASES } from '../src/common/log.ts';
import { REASONS } from '../src/core/commands/command.ts';
import { METRICS } from '../src/infra/http/metric-table.ts';
import { subjectOf, TOPIC_FAMILIES, TOPICS } from '../src/infra/kafka/topics/topics.ts';

/**
 * The tables of the reference pages, made of the program's own. A test compares them with what stands in docs/;
 * `bun test/reference.ts` writes them there.
 */
export const TABLES: Readonly<Record<string, () => string>> = {
  'settings.md': settingsTable,
  'errors.md': errorsTable,
  'topics.md': topicsTable,
  'metrics.md': metricsTable,
  'logs.md': phasesTable,
  'commands.md': reasonsTable,
};

export const DOCS = join(import.meta.dir, '..', 'docs');
const BEGIN = '<!-- table -->';
const END = '<!-- end of table -->';

/** The generated part of a page. @throws Error where the page has no place for it */
export function tableIn(page: string): string {
  const [from, to] = placeIn(page);
  return page.slice(from, to).trim();
}

function placeIn(page: string): [number, number] {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the page has no ${BEGIN} … ${END}`);
  return [from + BEGIN.length, to];
}

function reasonsTable(): string {
  const rows = Object.entries(REASONS).map(([reason, meaning]) => `| \`${reason}\` | ${meaning} |`);
  return ['| reason | meaning |', '|---|---|', ...rows].join('\n');
}

function topicsTable(): string {
  const rows = TOPIC_FAMILIES.map((family) => {
    const { regional, format, key, partitions, retentionMs, access } = TOPICS[family];
    const name = regional ? `${family}.{region}` : family;
    const count = partitions === 'setting' ? '`kafka.partitions`' : String(partitions);
    const subject = format === 'avro' ? `\`${subjectOf(family)}\`` : '';
    const days = retentionMs / 86_400_000;
    const cells = [access, format === 'avro' ? 'Avro' : 'JSON', subject, `\`${key}\``, count, `${days} d`];
    return `| \`${name}\` | ${cells.join(' | ')} |`;
  });
  return [
    '| topic | access | format | subject | key | partitions | kept |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ]
    .join('\n')
    .replaceAll(/`([^`]*)`/g, (code) => code.replaceAll('|', '\\|'));
}

function metricsTable(): string {
  const rows = Object.entries(METRICS).map(
    ([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`,
  );
  return ['| metric | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

/** What each phase is about. */
const PHASE_MEANINGS: Record<LogFields['phase'], string> = {
  process: 'The process itself: what its runtime warns of, a fault that nothing caught.',
  start: 'The program starts: drivers and why, addresses.',
  stop: 'It stops, or gives something up at the stop.',
  config: 'Settings.',
  preflight: 'Schemas, registry, brokers and topics, before any socket opens.',
  markets: 'Market lists.',
  command: 'Records of `ws.command` and their outcomes.',
  connect: 'A socket opens.',
  subscription_ack: 'The exchange confirms codes.',
  heartbeat_send: 'Heartbeats.',
  watchdog_idle: 'A socket or code brings no data.',
  connection_error: 'Errors of the error table, whatever they are about; see `error_code`.',
  reconnect: 'A socket is opened again.',
  rotation: 'A successor takes over from a socket.',
  parse: 'Frames that are no rows.',
  merge: 'Deduplication and holes in trade ids.',
  batch_control: 'Batches.',
  produce: 'Messages on their way to Kafka.',
  breaker: 'A circuit breaker changed its state.',
  backpressure: 'A queue passed its marks.',
  gap: 'An interval without reception.',
  state: 'Desired and actual state.',
  lease: 'Leases of shards.',
  metrics: 'Metrics that are published, and the figures of streams where there is no terminal.',
  http: 'The HTTP server.',
};

function phasesTable(): string {
  const rows = PHASES.map((phase) => `| \`${phase}\` | ${PHASE_MEANINGS[phase]} |`);
  return ['| phase | about |', '|---|---|', ...rows].join('\n');
}

if (import.meta.main) {
  for (const [file, table] of Object.entries(TABLES)) {
    const path = join(DOCS, file);
    const page = await Bun.file(path).text();
    const [from, to] = placeIn(page);
    await Bun.write(path, `${page.slice(0, from)}\n${table()}\n${page.slice(to)}`);
  }
}
