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
  /** The text of a schema by its id. @throws {Fault} schema_missing */
  byId(id: number): Promise<string>;
  /** Why the schema cannot follow those in the subject; empty where it can. */
  incompatibilities(subject: string, schema: string): Promise<string[]>;
  /** Registers the schema, or finds it. @throws {Fault} schema_incompatible, schema_invalid */
  register(subject: string, schema: string): Promise<Registered>;
  /** Sets the subject's compatibility level. */
  setCompatibility(subject: string, level: string): Promise<void>;
}

/** A client of a schema registry. Every call throws as `registryCall` does. */
export function registryClient(options: RegistryOptions): Registry {
  const call = registryCall(options);

  async function lookup(subject: string, schema: string): Promise<Registered | null> {
    const answer = await call('POST', `/subjects/${encodeURIComponent(subject)}`, {
      schema: compact(schema),
    });
    if (isUnknown(answer)) return null;
    const { id, version } = expectOk(answer, subject);
    return { id: Number(id), version: Number(version) };
  }

  async function register(subject: string, schema: string): Promise<Registered> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const answer = await call('POST', path, { schema: compact(schema) });
    if (answer.status === 409)
      throw new Fault('schema_incompatible', subject, `${saidBy(answer)}.`, 'Change the schema compatibly.');
    if (answer.status === 422)
      throw new Fault('schema_invalid', subject, `${saidBy(answer)}.`, 'Mend the schema file.');
    expectOk(answer, subject);
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
      expectOk(answer, '/subjects');
      return Array.isArray(answer.body) ? answer.body.map(String) : [];
    },

    async latest(subject) {
      const answer = await call('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`);
      if (isUnknown(answer)) return null;
      const { id, version, schema } = expectOk(answer, subject);
      return { id: Number(id), version: Number(version), schema: String(schema) };
    },

    async byId(id) {
      const answer = await call('GET', `/schemas/ids/${id}`);
      return String(expectOk(answer, `schema ${id}`).schema);
    },

    async incompatibilities(subject, schema) {
      const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions?verbose=true`;
      const answer = await call('POST', path, { schema: compact(schema) });
      // An unknown subject accepts anything.
      if (isUnknown(answer)) return [];
      if (answer.status === 409 || answer.status === 422) return [saidBy(answer)];
      const { is_compatible, messages } = expectOk(answer, subject);
      if (is_compatible === true) return [];
      return Array.isArray(messages) && messages.length > 0 ? messages.map(String) : ['no reason given'];
    },

    async setCompatibility(subject, level) {
      const answer = await call('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility: level });
      expectOk(answer, subject);
    },
  };
}

/** The schema's text in one line: what is compared must not hang on spaces. */
function compact(schema: string): string {
  return JSON.stringify(JSON.parse(schema));
}

/**
 * The registry says that it does not know the subject, version or schema: 40401, 40402, 40403. Whoever else answers
 * at a wrong path has a bare 404.
 */
function isUnknown(answer: RegistryAnswer): boolean {
  const { error_code } = (answer.body ?? {}) as { error_code?: unknown };
  return answer.status === 404 && typeof error_code === 'number' && error_code > 40_400;
}

function expectOk(answer: RegistryAnswer, subject: string): Record<string, unknown> {
  if (answer.status >= 200 && answer.status < 300) return answer.body as Record<string, unknown>;
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
