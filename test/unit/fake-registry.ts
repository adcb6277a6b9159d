/** What a fake registry is asked, and what it is made to answer instead of the truth. */
type Answer = { readonly status: number; readonly body: unknown; readonly type?: string };

export interface FakeRegistry {
  readonly url: string;
  /** Schemas by id, as text. */
  readonly schemas: Map<number, string>;
  /** Compatibility by subject. */
  readonly levels: Map<string, string>;
  /** `METHOD /path` of every request. */
  readonly asked: string[];
  /** What is answered in place of the truth; null or unset: the truth. */
  instead: ((request: string) => Answer | null) | null;
  /** Forgets everything; ids go on from `firstId`. */
  rebuild(firstId: number): void;
  stop(): Promise<void>;
}

const UNKNOWN = { status: 404, body: { error_code: 40401, message: 'Subject not found.' } };

/** As much of a Confluent registry as the program asks for, in memory. */
export function fakeRegistry(): FakeRegistry {
  const subjects = new Map<string, number>();
  const schemas = new Map<number, string>();
  const levels = new Map<string, string>();
  const asked: string[] = [];
  let nextId = 1;

  function truth(method: string, path: string, body: { schema?: string; compatibility?: string }): Answer {
    const [, kind = '', subject = ''] = path.split('/');
    if (path.startsWith('/schemas/ids/')) {
      const schema = schemas.get(Number(path.split('/')[3]));
      return schema ? { status: 200, body: { schema } } : { ...UNKNOWN, body: { error_code: 40403 } };
    }
    if (kind === 'config') {
      levels.set(subject, body.compatibility ?? '');
      return { status: 200, body };
    }
    const id = subjects.get(subject);
    if (kind === 'subjects' && method === 'POST' && path.endsWith('/versions')) {
      if (id === undefined) {
        subjects.set(subject, nextId);
        schemas.set(nextId, body.schema ?? '');
        nextId++;
      }
      return { status: 200, body: { id: subjects.get(subject) } };
    }
    if (id === undefined) return UNKNOWN;
    if (kind === 'compatibility') return { status: 200, body: { is_compatible: true } };
    return { status: 200, body: { subject, id, version: 1, schema: schemas.get(id) } };
  }

  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const name = `${request.method} ${pathname}`;
      asked.push(name);
      const text = await request.text();
      const answer = fake.instead?.(name) ?? truth(request.method, pathname, text ? JSON.parse(text) : {});
      const { status, body, type = 'application/vnd.schemaregistry.v1+json' } = answer;
      return new Response(typeof body === 'string' ? body : JSON.stringify(body), {
        status,
        headers: { 'content-type': type },
      });
    },
  });
  const fake: FakeRegistry = {
    url: server.url.origin,
    schemas,
    levels,
    asked,
    instead: null,
    rebuild(firstId) {
      for (const known of [subjects, schemas, levels]) known.clear();
      nextId = firstId;
    },
    stop: () => server.stop(true),
  };
  return fake;
}
