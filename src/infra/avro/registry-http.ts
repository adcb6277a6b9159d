import { Fault, messageOf } from '../../common/errors.ts';
import { maskText } from '../../common/log.ts';

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
}

/** What the registry said, be it yes or no. */
export interface RegistryAnswer {
  readonly status: number;
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
const SERVER_ERROR = 500;

/**
 * @throws {Fault} config_invalid where a URL is none. The call throws registry_unavailable where no URL answers, and
 * config_invalid where the credentials are refused.
 */
export function registryCall(options: RegistryOptions): RegistryCall {
  const endpoints = endpointsOf(options);
  const tls = options.ca ? { tls: { ca: options.ca } } : {};
  let preferred = 0;
  return async (method, path, body) => {
    const failures: string[] = [];
    for (let n = 0; n < endpoints.length; n++) {
      const index = (preferred + n) % endpoints.length;
      const endpoint = endpoints[index];
      if (!endpoint) continue;
      try {
        const response = await fetch(endpoint.base + path, {
          method,
          headers: headersOf(endpoint, body !== undefined),
          signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          ...tls,
        });
        const text = await response.text();
        if (response.status === 401 || response.status === 403) throw refusedCredentials(endpoint, text);
        if (response.status < SERVER_ERROR) {
          preferred = index;
          return { status: response.status, body: parsed(text) };
        }
        failures.push(`${endpoint.base}: HTTP ${response.status} ${text.slice(0, 200)}`);
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return { message: text.slice(0, 200) };
  }
}
