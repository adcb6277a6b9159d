import { EXCHANGES } from '../../../exchanges/index.ts';
import { sleep, systemClock } from '../../common/clock.ts';
import { EXIT, type ExitCode } from '../../common/errors.ts';
import { didYouMean } from '../../common/nearest.ts';
import { registrySettings } from '../../config/messaging.ts';
import { Audit } from '../../core/audit/audit.ts';
import type { TradeIds } from '../../core/audit/code-audit.ts';
import type { AuditReport } from '../../core/audit/findings.ts';
import type { Exchange } from '../../core/exchange.ts';
import { REGIONS } from '../../core/market/market.ts';
import { valueReader } from '../../infra/avro/read-value.ts';
import { registryClient } from '../../infra/avro/registry.ts';
import { openIntervalReader } from '../../infra/kafka/consume/interval-reader.ts';
import { TOPIC_FAMILIES } from '../../infra/kafka/topics/topics.ts';
import { type Args, commaList, readArgs, usage } from '../args.ts';
import type { Command } from '../command.ts';
import { clusterOf } from '../kafka-address.ts';
import { pickExchange } from '../pick.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from '../settings-flags.ts';
import { writeOut } from '../stdout.ts';
import { type AuditReading, readAll, readEvents, type Told } from './read.ts';
import { tableOf } from './table.ts';
import { timeOf } from './times.ts';

const FLAGS = {
  ...SETTINGS_FLAGS,
  from: 'string',
  to: 'string',
  exchange: 'string',
  type: 'string',
  json: 'boolean',
} as const;
const TIMEOUT_MS = 30_000;
/** A hole is told some seconds after it opened: younger ones are waited for. */
const SETTLED_MS = 15_000;
const SETTLE_MS = 1000;

const DATA = '-data';

/** `audit` */
export const audit: Command = {
  name: 'audit',
  summary: 'whether the topics hold every row once, in order, and every gap on record',
  usage: `kor-coin-stream audit [--from T] [--to T] [--exchange ID,…] [--type TYPE,…] [--json] [--config DIR] [--set PATH=VALUE]…

Reads data topics, ws.event and ws.metrics.processing as any reader could, by the reader's rules, and says for each
exchange, type and code: rows, repeats, order, holes in consecutive trade ids and in book links, which of them a gap
record explains, which were filled afterwards, and what is unexplained; and for each stream whether the topics hold the
rows that Kafka had acknowledged in each minute. Nothing is committed, nothing is written.

--from T           rows received from then on (all that are kept); 2026-11-28T09:00:00Z, epoch seconds, ms or µs, or
                   as long ago as 90s, 30m, 2h or 7d
--to T             rows received before then (up to now)
--exchange ID,…    these alone
--type TYPE,…      these alone
--json             the whole report as one JSON object
${SETTINGS_USAGE}

Exit codes: 0 where nothing is unexplained, 1 where something is.`,
  async run(args) {
    const read = readArgs('audit', args, FLAGS);
    const exchanges = exchangesOf(read);
    const types = typesOf(read);
    const now = systemClock.micros();
    const from = timeOf('from', read.value('from'), now);
    const to = timeOf('to', read.value('to'), now);
    if (from !== null && to !== null && from >= to) throw usage('audit', '--from is not before --to.');
    const settings = settingsOf(read);
    const registry = registrySettings(settings, { useAvro: settings.schema_registry.url !== null });
    const reader = await openIntervalReader({ ...clusterOf(settings), timeoutMs: TIMEOUT_MS });
    const ids = new Map(exchanges.map((exchange) => [exchange.id, tradeIdsOf(exchange)]));
    const tradeIds = (id: string): TradeIds | null => ids.get(id) ?? null;
    const reading: AuditReading = {
      ...{ reader, types, from, to },
      audit: new Audit({ from, to, types, tradeIds }),
      readValue: valueReader(registry === null ? null : registryClient(registry)),
      regions: REGIONS.filter((region) => exchanges.some((exchange) => exchange.region === region)),
    };
    try {
      const report = await settled(reading, await readAll(reading));
      return await tell(report, read.has('json'));
    } finally {
      await reader.close();
    }
  },
};

async function tell(report: AuditReport, json: boolean): Promise<ExitCode> {
  await writeOut(`${json ? JSON.stringify(report) : tableOf(report)}\n`);
  return report.unexplained === 0 ? EXIT.ok : EXIT.found;
}

/** What is found once what was told meanwhile is read too. */
async function settled(reading: AuditReading, { events, notes }: Told): Promise<AuditReport> {
  let read = events;
  for (;;) {
    if (read.length > 0) read = await readEvents(reading, read);
    const report = reading.audit.report(notes);
    const young = systemClock.micros() - SETTLED_MS * 1000;
    const waits = report.findings.some(({ kind, to }) => kind === 'hole' && (to ?? 0) > young);
    if (!waits || read.length === 0) return report;
    await sleep(systemClock, SETTLE_MS);
  }
}

function exchangesOf(read: Args): readonly Exchange[] {
  const asked = read.all('exchange').flatMap(commaList);
  return asked.length === 0 ? EXCHANGES : asked.map((id) => pickExchange('audit', id));
}

/** Types that have a data topic. */
function typesOf(read: Args): string[] {
  const known = TOPIC_FAMILIES.filter((family) => family.endsWith(DATA)).map((family) =>
    family.slice(0, -DATA.length),
  );
  const asked = read.all('type').flatMap(commaList);
  for (const type of asked) {
    if (known.includes(type)) continue;
    throw usage('audit', `--type ${type}: there are ${known.join(', ')}.${didYouMean(type, known)}`);
  }
  return asked.length === 0 ? known : asked;
}

/** Where one row stands for several ids, and does not say for how many, a hole cannot be told from it. */
function tradeIdsOf({ tradeIds, mergesFills }: Exchange): TradeIds {
  return tradeIds === 'consecutive' && mergesFills ? 'increasing' : tradeIds;
}
