import { EXIT, Fault } from '../common/errors.ts';
import { didYouMean } from '../common/nearest.ts';
import { registrySettings } from '../config/messaging.ts';
import type { Settings } from '../config/settings.ts';
import { registerSchemas, type SchemaStatus, schemaStatus } from '../infra/avro/preflight.ts';
import { type Registry, registryClient } from '../infra/avro/registry.ts';
import { SCHEMA_FILES } from '../infra/avro/schemas.ts';
import { avroFamilies, subjectOf } from '../infra/kafka/topics/topics.ts';
import { readArgs, usage } from './args.ts';
import type { Command } from './command.ts';
import { SETTINGS_FLAGS, SETTINGS_USAGE, settingsOf } from './settings-flags.ts';

const WHAT = ['list', 'show', 'check', 'register'];

/** `schemas list | show SUBJECT | check | register` */
export const schemas: Command = {
  name: 'schemas',
  summary: 'Avro schemas: list, show, check against the registry, register',
  usage: `kor-coin-stream schemas list | show SUBJECT | check | register [--config DIR] [--set PATH=VALUE]…

list               subjects and the files they come from
show SUBJECT       the schema itself
check              how each one stands in the registry; 78 where one is missing or cannot follow what is there
register           registers what is missing, BACKWARD_TRANSITIVE on new subjects
${SETTINGS_USAGE}`,
  async run(args) {
    const read = readArgs('schemas', args, SETTINGS_FLAGS, 2);
    const [what = 'list', subject] = read.positionals;
    switch (what) {
      case 'list':
        for (const { family, schema } of avroFamilies())
          console.log(`${subjectOf(family)}  schemas/${schema}`);
        return EXIT.ok;
      case 'show':
        console.log(schemaOf(subject));
        return EXIT.ok;
      case 'check':
        return check(await schemaStatus(registryOf(settingsOf(read))));
      case 'register':
        for (const [family, { id, version }] of await registerSchemas(registryOf(settingsOf(read)))) {
          console.log(`${subjectOf(family)}  id ${id}  version ${version}`);
        }
        return EXIT.ok;
      default:
        throw usage('schemas', `${what} is none of ${WHAT.join(', ')}.${didYouMean(what, WHAT)}`);
    }
  },
};

function schemaOf(subject: string | undefined): string {
  const subjects = avroFamilies().map(({ family }) => subjectOf(family));
  if (subject === undefined) throw usage('schemas', `show needs a subject: ${subjects.join(', ')}.`);
  const found = avroFamilies().find(({ family }) => subjectOf(family) === subject);
  if (!found) throw usage('schemas', `there is no subject ${subject}.${didYouMean(subject, subjects)}`);
  return SCHEMA_FILES[found.schema].trim();
}

function registryOf(settings: Settings): Registry {
  const options = registrySettings(settings, { useAvro: true });
  if (options) return registryClient(options);
  throw new Fault(
    'config_invalid',
    'schema_registry.url',
    'no schema registry is set.',
    'Set SCHEMA_REGISTRY_URL.',
  );
}

function check(all: readonly SchemaStatus[]) {
  for (const { subject, file, registered, problems } of all) {
    const state = registered
      ? `id ${registered.id} version ${registered.version}`
      : problems.length > 0
        ? 'incompatible'
        : 'missing';
    console.log(
      [`${subject}  schemas/${file}  ${state}`, ...problems.map((problem) => `  ${problem}`)].join('\n'),
    );
  }
  return all.every(({ registered }) => registered !== null) ? EXIT.ok : EXIT.config;
}
