import { type Clock, systemClock } from '../../common/clock.ts';
import { Fault, messageOf } from '../../common/errors.ts';
import { maskText } from '../../common/log-text.ts';
import { type Answer, ask, jsonOf } from '../rest/ask.ts';

export interface RegistryOptions {
  /** Base URLs, comma-separated, each with its path; user and password may stand in them. */
  readonly url: string;
  /** Basic authentication where the URL carries none. */
  readonly username?: string | null;
  readonly password?: string | null;
  /** A private certificate authority, PEM. */
  readonly ca?: string | null;
  /** Of one attempt on one URL, milliseconds. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** What the registry said, be it yes or no. */
export interface RegistryAnswer {
  readonly status: number;
  /** JSON; of a 404 whatever was said, as `message`. */
  readonly body: unknown;
}

/** Calls the registry: every URL in turn until one answers. */
export type RegistryCall = (
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: object,
) => Promise<RegistryAnswer>;

interface Endpoint {
  readonly base: string;
  readonly authorization: string | null;
}

const TIMEOUT_MS = 5_000;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
/** Schemas are a few kilobytes; a registry of many subjects lists them in a few hundred. */
const MAX_BYTES = 8 * 1024 * 1024;
const SERVER_ERROR = 500;
const NOT_FOUND = 404;

/**
 * @throws {Fault} config_invalid where a URL is none. The call throws registry_unavailable where no URL answers, and
 * config_invalid where the credentials are refused.
 */
export function registryCall(options: RegistryOptions): RegistryCall {
  const endpoints = endpointsOf(options);
  const { clock = systemClock, timeoutMs = TIMEOUT_MS, ca = null } = options;
  let preferred = 0;
  return async (method, path, body) => {
    const failures: string[] = [];
    for (let n = 0; n < endpoints.length; n++) {
      const index = (preferred + n) % endpoints.length;
      const endpoint = endpoints[index];
      if (!endpoint) continue;
      try {
        const answer = await ask(endpoint.base + path, {
          clock,
          timeoutMs,
          maxBytes: MAX_BYTES,
          ca,
          method,
          headers: headersOf(endpoint, body !== undefined),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        const { status, text } = answer;
        if (status === 401 || status === 403) throw refusedCredentials(endpoint, text);
        if (status < SERVER_ERROR) {
          const said = { status, body: bodyOf(answer) };
          preferred = index;
          return said;
        }
        failures.push(`${endpoint.base}: HTTP ${status} ${text.slice(0, 200)}`);
      } catch (error) {
        if (error instanceof Fault) throw error;
        failures.push(`${endpoint.base}: ${messageOf(error)}`);
      }
    }
    throw new Fault(
      'registry_unavailable',
      endpoints.map(({ base }) => base).join(', '),
      `No schema registry answers (${failures.join('; ')}).`,
      'Check schema_registry.url and the network.',
    );
  };
}

function endpointsOf(options: RegistryOptions): Endpoint[] {
  const urls = options.url.split(',').map((url) => url.trim());
  return urls
    .filter((url) => url !== '')
    .map((text) => {
      const url = URL.parse(text);
      if (!url || !/^https?:$/.test(url.protocol))
        throw new Fault(
          'config_invalid',
          'schema_registry.url',
          `${maskText(text)} is not an http address.`,
          'Give addresses such as http://registry:8081, separated by commas.',
        );
      const username = url.username ? decodeURIComponent(url.username) : (options.username ?? null);
      const password = url.username ? decodeURIComponent(url.password) : (options.password ?? '');
      url.username = '';
      url.password = '';
      return {
        base: url.href.replace(/\/+$/, ''),
        authorization: username === null ? null : `Basic ${btoa(`${username}:${password}`)}`,
      };
    });
}

function headersOf(endpoint: Endpoint, hasBody: boolean): Record<string, string> {
  const headers: Record<string, string> = { accept: CONTENT_TYPE };
  if (hasBody) headers['content-type'] = CONTENT_TYPE;
  if (endpoint.authorization !== null) headers.authorization = endpoint.authorization;
  return headers;
}

function refusedCredentials(endpoint: Endpoint, text: string): Fault {
  return new Fault(
    'config_invalid',
    endpoint.base,
    `The schema registry refuses the credentials (${text.slice(0, 200)}).`,
    'Check schema_registry.username and password, and what they may do.',
  );
}

/**
 * The body of an answer. Whoever speaks for the registry, a proxy or a login page, does not speak JSON; only at a path
 * where nothing is does that not matter.
 */
function bodyOf(answer: Answer): unknown {
  try {
    return jsonOf(answer);
  } catch (error) {
    if (answer.status === NOT_FOUND) return { message: answer.text.slice(0, 200) };
    throw new Error(`HTTP ${answer.status}: ${messageOf(error)}`);
  }
}
