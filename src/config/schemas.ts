import type { Reporter } from '../application/reporting/reporter.ts';
import type { Clock } from '../common/clock.ts';
import { Fault } from '../common/errors.ts';
import type { Log } from '../common/log.ts';
import { RegistryWatch } from '../infra/avro/registry-watch.ts';
import { inWords } from '../infra/avro/verify.ts';
import type { UsedSchemas } from '../infra/kafka/produce/prepared-encodings.ts';
import type { Settings } from './settings.ts';

/** Watches the registry beside the data; null where messages are JSON. Not started yet. */
export function schemaWatch(
  { schema_registry }: Settings,
  used: UsedSchemas | null,
  reporter: Reporter,
  clock: Clock,
  log: Log,
): RegistryWatch | null {
  if (used === null) return null;
  const phase = 'preflight';
  return new RegistryWatch({
    ...used,
    clock,
    everyMs: schema_registry.check_ms,
    onChange({ wrong, away }, before) {
      if (away !== null) {
        log.warn({ phase }, `the schema registry cannot be asked, which stops no data: ${away}`);
        return;
      }
      if (before.away !== null) log.info({ phase }, 'the schema registry answers again');
      if (wrong.length > 0) reporter.error(changed(inWords(wrong)), { target: null });
      else if (before.wrong.length > 0)
        log.info({ phase }, 'the schema registry gives back every schema again');
    },
  });
}

/** Ids that values bear, by topic family. */
export function schemaIds(used: UsedSchemas | null): Record<string, number> {
  return Object.fromEntries(Array.from(used?.registered ?? [], ([family, { id }]) => [family, id]));
}

function changed(what: string): Fault {
  return new Fault(
    'registry_changed',
    'schema registry',
    `Readers cannot decode what is written: ${what}.`,
    'Give the registry its own data back; where that cannot be, restart the collectors, which register anew.',
  );
}
