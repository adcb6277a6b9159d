import { version } from '../../../../package.json';
import { systemClock } from '../../../common/clock.ts';
import { EXIT, type ExitCode } from '../../../common/errors.ts';
import { escapeControls, mask, maskText } from '../../../common/log-text.ts';
import type { Settings } from '../../../config/settings.ts';
import { ExchangeWatch } from '../../../core/live-check/exchange-watch.ts';
import type { LiveReport } from '../../../core/live-check/findings.ts';
import { REQUEST_TYPES, type RequestType } from '../../../core/market/market.ts';
import { type Args, commaList, usage } from '../../args.ts';
import { accessExchanges, type ExchangeAccess } from '../../exchange-access.ts';
import { pickExchange } from '../../pick.ts';
import { settingsOf } from '../../settings-flags.ts';
import { writeOut } from '../../stdout.ts';
import { Asker } from './asker.ts';
import { makeFolder, writeFrames } from './files.ts';
import { ownHosts, withoutHosts } from './own-addresses.ts';
import { textOfReport } from './text.ts';
import { watchExchange } from './watch.ts';

export const LIVE_FLAGS = {
  live: 'boolean',
  exchange: 'string',
  type: 'string',
  seconds: 'string',
  json: 'boolean',
  frames: 'string',
} as const;

const SECONDS = 60;
/** Longer, and what is kept of the beginning says nothing of the end. */
const MOST_SECONDS = 3600;
/** How much longer it may take until REST has what came last, ms. */
const GRACE_MS = 60_000;

/** `check --live`: exchanges as they are against what this build takes them for. @throws Fault */
export async function checkLive(read: Args): Promise<ExitCode> {
  const settings = settingsOf(read);
  const seconds = Number(read.value('seconds') ?? SECONDS);
  if (!(seconds > 0 && seconds <= MOST_SECONDS))
    throw usage('check', `--seconds is not a number above 0 and up to ${MOST_SECONDS}.`);
  const types = typesOf(read);
  const folder = read.value('frames');
  if (folder !== undefined) await makeFolder(folder);
  const watching = new Map<string, ExchangeWatch>();
  const access = accessExchanges(settings, systemClock, ({ id }, { message }) =>
    watching.get(id)?.notes.add(message),
  );
  const asked = read.all('exchange').flatMap(commaList);
  const ids = asked.map((id) => pickExchange('check', id).id);
  const watches = access.exchanges
    .filter(({ id }) => ids.length === 0 || ids.includes(id))
    .map((exchange) => new ExchangeWatch(exchange));
  for (const watch of watches) watching.set(watch.exchange.id, watch);
  if (watches.length === 0) throw usage('check', `--exchange ${ids.join(',')}: the settings disable it.`);
  const askers = await watchAll(watches, settings, access, types, seconds);
  const report: LiveReport = {
    version,
    at: systemClock.micros(),
    seconds,
    exchanges: watches.map((watch) => watch.report),
    findings: watches.flatMap((watch) => watch.findings),
  };
  const hosts = ownHosts(settings, [...watching.keys()], process.env);
  await tell(report, read.has('json'), hosts);
  if (folder !== undefined)
    for (const [nth, watch] of watches.entries())
      for (const file of await writeFrames(folder, watch, askers[nth]?.replies ?? [], report.findings))
        console.error(`written: ${file}`);
  if (!watches.some(({ reached }) => reached)) return EXIT.unavailable;
  return report.findings.length === 0 ? EXIT.ok : EXIT.found;
}

async function watchAll(
  watches: readonly ExchangeWatch[],
  settings: Settings,
  access: ExchangeAccess,
  types: readonly RequestType[],
  seconds: number,
): Promise<Asker[]> {
  const stopping = Promise.withResolvers<void>();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stopping.resolve());
  const cancel = systemClock.after(seconds * 1000 + GRACE_MS, () => stopping.resolve());
  const stopped = stopping.promise;
  const askers = watches.map((watch) => new Asker(watch, settings, systemClock, access.rest, stopped));
  const options = { settings, clock: systemClock, access, types, seconds, stopped };
  await Promise.all(watches.map((watch, nth) => watchExchange(watch, askers[nth] as Asker, options)));
  cancel();
  access.stop();
  return askers;
}

/** What comes from exchanges and proxies is shown without secrets and addresses of the user's own, and steers no terminal. */
async function tell(report: LiveReport, json: boolean, hosts: readonly string[]): Promise<void> {
  const text = json
    ? JSON.stringify(mask(report))
    : textOfReport(report)
        .split('\n')
        .map((line) => escapeControls(maskText(line)))
        .join('\n');
  await writeOut(`${withoutHosts(text, hosts)}\n`);
}

function typesOf(read: Args): RequestType[] {
  const asked = read.all('type').flatMap(commaList);
  const known = REQUEST_TYPES.filter((type) => asked.length === 0 || asked.includes(type));
  const foreign = asked.find((type) => !REQUEST_TYPES.some((one) => one === type));
  if (foreign !== undefined)
    throw usage('check', `--type ${foreign}: there are ${REQUEST_TYPES.join(', ')}.`);
  return known;
}
