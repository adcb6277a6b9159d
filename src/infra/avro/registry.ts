import { z } from 'zod';
import { Fault } from '../../common/errors.ts';
import { type RegistryAnswer, type RegistryOptions, registryCall } from './registry-http.ts';

/** A schema as the registry knows it. */
export interface Registered {
  readonly id: number;
  readonly version: number;
}

/** The part of the REST API that Confluent's registry, Karapace and Apicurio share. */
export interface Registry {
  /** Every subject. */
  subjects(): Promise<string[]>;
  /** This very schema under the subject; null where it is not there. */
  lookup(subject: string, schema: string): Promise<Registered | null>;
  /** The newest version of the subject; null where there is no such subject. */
  latest(subject: string): Promise<(Registered & { schema: string }) | null>;
  /** The text of a schema by its id; null where there is none. */
  byId(id: number): Promise<string | null>;
  /** Why the schema cannot follow those in the subject; empty where it can. */
  incompatibilities(subject: string, schema: string): Promise<string[]>;
  /** Whether nothing can be registered now, because the registry is in a mode that takes nothing. */
  readOnly(): Promise<boolean>;
  /** Registers the schema, or finds it. @throws {Fault} schema_incompatible, schema_invalid */
  register(subject: string, schema: string): Promise<Registered>;
  /** Sets the subject's compatibility level. @returns false where the registry wants the subject to exist first */
  setCompatibility(subject: string, level: string): Promise<boolean>;
}

/** Ids are four bytes of every message, and a registry counts from 1. */
const place = z.object({
  id: z
    .int()
    .positive()
    .max(2 ** 31 - 1),
  version: z.int().positive(),
});
const text = z.object({ schema: z.string().min(1) });
const verdict = z.object({
  is_compatible: z.boolean(),
  messages: z.array(z.unknown()).nullish(),
});

const mode = z.object({ mode: z.string() });
const told = z.object({ compatibility: z.string() }).or(z.object({ compatibilityLevel: z.string() }));

/** A client of a schema registry. Every call throws as `registryCall` does. */
export function registryClient(options: RegistryOptions): Registry {
  const call = registryCall(options);

  async function lookup(subject: string, schema: string): Promise<Registered | null> {
    const answer = await call('POST', `/subjects/${encodeURIComponent(subject)}`, {
      schema: compact(schema),
    });
    if (isUnknown(answer)) return null;
    const { id, version } = expectShape(answer, place, subject);
    return { id, version };
  }

  async function register(subject: string, schema: string): Promise<Registered> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await call('POST', path, { schema: compact(schema) });
    demandWritable(answer, subject);
    if (answer.status === 409 && isOfRegistry(answer))
      throw new Fault('schema_incompatible', subject, `${saidBy(answer)}.`, 'Change the schema compatibly.');
    if (answer.status === 422 && isOfRegistry(answer))
      throw new Fault('schema_invalid', subject, `${saidBy(answer)}.`, 'Mend the schema file.');
    expectShape(answer, place.pick({ id: true }), subject);
    const registered = await lookup(subject, schema);
    if (registered) return registered;
    throw new Fault(
      'schema_missing',
      subject,
      'The registry does not find what it registered.',
      'Ask its log.',
    );
  }

  return {
    lookup,
    register,

    async subjects() {
      const answer = await call('GET', '/subjects');
      return expectShape(answer, z.array(z.string()), '/subjects');
    },

    async latest(subject) {
      const answer = await call('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`);
      if (isUnknown(answer)) return null;
      const { id, version, schema } = expectShape(answer, place.extend(text.shape), subject);
      return { id, version, schema };
    },

    async byId(id) {
      const answer = await call('GET', `/schemas/ids/${id}`);
      return isUnknown(answer) ? null : expectShape(answer, text, `schema ${id}`).schema;
    },

    async incompatibilities(subject, schema) {
      const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions?verbose=true`;
      const answer = await call('POST', path, { schema: compact(schema) });
      // An unknown subject accepts anything.
      if (isUnknown(answer)) return [];
      if ((answer.status === 409 || answer.status === 422) && isOfRegistry(answer)) return [saidBy(answer)];
      const { is_compatible, messages } = expectShape(answer, verdict, subject);
      if (is_compatible) return [];
      return messages && messages.length > 0 ? messages.map(String) : ['no reason given'];
    },

    async setCompatibility(subject, level) {
      const answer = await call('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility: level });
      if (isUnknown(answer)) return false;
      demandWritable(answer, subject);
      expectShape(answer, told, subject);
      return true;
    },

    async readOnly() {
      const { status, body } = await call('GET', '/mode');
      // A registry without modes has no such path.
      return status === 200 && mode.safeParse(body).data?.mode.startsWith('READONLY') === true;
    },
  };
}

/** The schema's text in one line: what is compared must not hang on spaces. */
function compact(schema: string): string {
  return JSON.stringify(JSON.parse(schema));
}

/** Confluent's code for a subject whose mode takes nothing now. */
const NOT_PERMITTED = 42_205;
/** What others say of the same, under codes that mean something else as well: Apicurio 409, Karapace 422. */
const READ_ONLY = /\bread[ -]?only\b/i;

/** @throws {Fault} registry_unavailable where the registry takes nothing now: that passes, and no schema is at fault */
function demandWritable(answer: RegistryAnswer, subject: string): void {
  const { error_code } = (answer.body ?? {}) as { error_code?: unknown };
  if (answer.status < 400 || !isOfRegistry(answer)) return;
  if (error_code !== NOT_PERMITTED && !READ_ONLY.test(saidBy(answer))) return;
  throw new Fault(
    'registry_unavailable',
    subject,
    `The schema registry takes no schema now: ${saidBy(answer)}.`,
    'Set its mode to READWRITE, or have the schemas registered and set schema_registry.register to false.',
  );
}

/** A refusal of the registry itself bears its own code. */
function isOfRegistry({ body }: RegistryAnswer): boolean {
  return typeof ((body ?? {}) as { error_code?: unknown }).error_code === 'number';
}

/**
 * The registry says that it does not know the subject, version or schema: 40401, 40402, 40403. Whoever else answers
 * at a wrong path has a bare 404.
 */
function isUnknown(answer: RegistryAnswer): boolean {
  const { error_code } = (answer.body ?? {}) as { error_code?: unknown };
  return answer.status === 404 && typeof error_code === 'number' && error_code > 40_400;
}

/** What a good answer must look like. Whatever else comes with 200 is not the registry's. */
function expectShape<T extends z.ZodType>(answer: RegistryAnswer, shape: T, subject: string): z.infer<T> {
  expectOk(answer, subject);
  const read = shape.safeParse(answer.body);
  if (read.success) return read.data;
  const said = JSON.stringify(answer.body).slice(0, 200);
  throw new Fault(
    'registry_unavailable',
    subject,
    `What answers with HTTP ${answer.status} is no schema registry: ${said}.`,
    'Check schema_registry.url, and what stands between: a proxy, a login page.',
  );
}

function expectOk(answer: RegistryAnswer, subject: string): void {
  if (answer.status >= 200 && answer.status < 300) return;
  if (isUnknown(answer))
    throw new Fault(
      'schema_missing',
      subject,
      `The schema registry said: ${saidBy(answer)}.`,
      'Register it.',
    );
  if (answer.status === 404)
    throw new Fault(
      'config_invalid',
      'schema_registry.url',
      `There is no schema registry at this path (${saidBy(answer)}).`,
      'Give the base URL with its path, e.g. http://host:8080/apis/ccompat/v7.',
    );
  throw new Fault(
    'registry_unavailable',
    subject,
    `The schema registry said: ${saidBy(answer)}.`,
    'See the log of the registry.',
  );
}

function saidBy(answer: RegistryAnswer): string {
  const { message } = (answer.body ?? {}) as { message?: unknown };
  return `HTTP ${answer.status}${message === undefined ? '' : ` ${String(message)}`}`;
}
