import { type Clock, sleep } from '../../common/clock.ts';
import { Fault } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { avroFamilies, subjectOf, type TopicFamily } from '../kafka/topics/topics.ts';
import { parseSchema } from './codec.ts';
import type { Registered, Registry } from './registry.ts';
import { SCHEMA_FILES, type SchemaFile } from './schemas.ts';
import { inWords, wrongIds } from './verify.ts';

/** One Avro family, its subject, and what the registry makes of its schema. */
export interface SchemaStatus {
  readonly family: TopicFamily;
  readonly subject: string;
  readonly file: SchemaFile;
  /** Null where this very schema is not registered. */
  readonly registered: Registered | null;
  /** Whether the subject has any version. */
  readonly subjectExists: boolean;
  /** Why it cannot follow the versions that are there; empty where it can, or is one of them. */
  readonly problems: readonly string[];
}

/** What every subject that we create is held to: a new reader reads everything ever written. */
export const COMPATIBILITY = 'BACKWARD_TRANSITIVE';
/** What a registry refuses so often while it says nothing against the schema is refused. */
const REGISTER_TRIES = 2;
const RETRY_MS = 500;

/**
 * How every schema of the topic table stands in the registry. Parses all of them first.
 * @throws {Fault} schema_invalid, registry_unavailable
 */
export async function schemaStatus(registry: Registry): Promise<SchemaStatus[]> {
  const families = avroFamilies();
  for (const { schema } of families) parseSchema(SCHEMA_FILES[schema], schema);
  const all = await Promise.all(
    families.map(async ({ family, schema }) => {
      const subject = subjectOf(family);
      const text = SCHEMA_FILES[schema];
      const registered = await registry.lookup(subject, text);
      const subjectExists = registered !== null || (await registry.latest(subject)) !== null;
      const problems =
        registered === null && subjectExists ? await registry.incompatibilities(subject, text) : [];
      return { family, subject, file: schema, registered, subjectExists, problems };
    }),
  );
  await demandReadable(registry, registeredOf(all));
  return all;
}

function registeredOf(all: readonly SchemaStatus[]): Map<TopicFamily, Registered> {
  return new Map(
    all.flatMap(({ family, registered }) => (registered ? [[family, registered] as const] : [])),
  );
}

/**
 * Registers what is not registered yet; the compatibility level is set only on subjects that are new.
 * @param unset subjects that were new in an earlier attempt and have no level yet; kept by the caller between attempts
 * @throws {Fault} schema_incompatible, naming subject and file, before anything is registered
 */
export async function registerSchemas(
  registry: Registry,
  unset: Set<string> = new Set(),
): Promise<Map<TopicFamily, Registered>> {
  const all = await schemaStatus(registry);
  demandUsable(all, true);
  const registered = new Map<TopicFamily, Registered>();
  for (const status of all) registered.set(status.family, await ensure(registry, status, unset));
  await demandReadable(registry, registered);
  return registered;
}

/**
 * The registered schemas, looked up only.
 * @throws {Fault} schema_missing or schema_incompatible, naming subject and file
 */
export async function lookUpSchemas(registry: Registry): Promise<Map<TopicFamily, Registered>> {
  const all = await schemaStatus(registry);
  demandUsable(all, false);
  return registeredOf(all);
}

/** An id that a reader does not find would stand in every message. @throws {Fault} registry_unavailable */
async function demandReadable(
  registry: Registry,
  registered: ReadonlyMap<TopicFamily, Registered>,
): Promise<void> {
  const wrong = await wrongIds(registry, registered);
  if (wrong.length === 0) return;
  throw new Fault(
    'registry_unavailable',
    wrong[0]?.subject ?? '',
    `The registry does not give back what it has registered (${inWords(wrong)}).`,
    'See its log; several registries behind one address must share their data.',
  );
}

/**
 * What a start would say of the schemas.
 * @param register whether those that are missing may be registered
 * @throws {Fault} schema_missing or schema_incompatible, naming subject and file of the first
 */
export function demandUsable(all: readonly SchemaStatus[], register: boolean): void {
  for (const status of all) if (status.problems.length > 0) throw incompatible(status);
  const absent = register ? undefined : all.find(({ registered }) => registered === null);
  if (absent) throw missing(absent, all);
}

export interface PreflightOptions {
  /** `schema_registry.register`. */
  readonly register: boolean;
  /** How long an absent registry is waited for, milliseconds. */
  readonly startupTimeoutMs: number;
}

/**
 * Before any socket opens: every schema the topic table needs parses and is registered, or can be.
 * @throws {Fault} schema_invalid, schema_missing, schema_incompatible; registry_unavailable after the timeout
 */
export async function preflight(
  registry: Registry,
  options: PreflightOptions,
  clock: Clock,
  log: Log,
): Promise<Map<TopicFamily, Registered>> {
  const until = clock.now() + options.startupTimeoutMs;
  const unset = new Set<string>();
  for (;;) {
    try {
      const found = options.register ? await registerSchemas(registry, unset) : await lookUpSchemas(registry);
      log.debug({ phase: 'preflight', schemas: Object.fromEntries(found) }, 'every schema is registered');
      return found;
    } catch (error) {
      const waits = error instanceof Fault && error.code === 'registry_unavailable';
      if (!waits || clock.now() + RETRY_MS > until) throw error;
      await sleep(clock, RETRY_MS);
    }
  }
}

/** A new subject has its level before its first schema, so that whatever fails in between is done again. */
async function ensure(registry: Registry, status: SchemaStatus, unset: Set<string>): Promise<Registered> {
  const { subject } = status;
  if (!status.subjectExists && !(await registry.setCompatibility(subject, COMPATIBILITY))) unset.add(subject);
  const registered = status.registered ?? (await register(registry, status));
  if (unset.has(subject)) await registry.setCompatibility(subject, COMPATIBILITY);
  unset.delete(subject);
  return registered;
}

/** Of collectors that start together all but one are told 409 for the same schema: that one is theirs as well. */
async function register(registry: Registry, status: SchemaStatus): Promise<Registered> {
  const schema = SCHEMA_FILES[status.file];
  for (let left = REGISTER_TRIES; ; ) {
    try {
      return await registry.register(status.subject, schema);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'schema_incompatible') throw error;
      const theirs = await registry.lookup(status.subject, schema);
      if (theirs) return theirs;
      // Another version may have come in between the check and the registration.
      if (--left === 0) throw incompatible({ ...status, problems: [error.message] });
    }
  }
}

function incompatible(status: SchemaStatus): Fault {
  return new Fault(
    'schema_incompatible',
    `${status.subject} (schemas/${status.file})`,
    `The schema cannot follow what is in the registry: ${status.problems.join('; ')}.`,
    'Change the schema compatibly, or move the old subject out of the way.',
  );
}

function missing(status: SchemaStatus, all: readonly SchemaStatus[]): Fault {
  const others = all.filter((other) => other.registered === null).length - 1;
  return new Fault(
    'schema_missing',
    `${status.subject} (schemas/${status.file})`,
    `The schema is not in the registry${others > 0 ? `, nor are ${others} others` : ''}, and schema_registry.register is false.`,
    'Run: kor-coin-stream schemas register',
  );
}
