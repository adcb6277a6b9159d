import type { Component } from './bundled.ts';

export interface Subject {
  readonly name: string;
  readonly version: string;
  readonly commit: string;
  /** ISO 8601. */
  readonly builtAt: string;
}

/** What a release consists of, as CycloneDX 1.6. @see https://cyclonedx.org/docs/1.6/json/ */
export function cycloneDx(
  { name, version, commit, builtAt }: Subject,
  components: readonly Component[],
): object {
  const ref = `pkg:generic/${name}@${version}`;
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${crypto.randomUUID()}`,
    version: 1,
    metadata: {
      timestamp: builtAt,
      component: {
        type: 'application',
        'bom-ref': ref,
        name,
        version,
        purl: ref,
        properties: [{ name: 'commit', value: commit }],
      },
    },
    components: components.map((component) => ({
      type: component.name === 'bun' ? 'platform' : 'library',
      'bom-ref': component.purl,
      name: component.name,
      version: component.version,
      purl: component.purl,
      scope: 'required',
      licenses: [{ expression: component.licence }],
      properties: [
        { name: 'linking', value: component.inside ? 'inside the binary' : 'library of the machine' },
      ],
    })),
    dependencies: [{ ref, dependsOn: components.map(({ purl }) => purl) }],
  };
}

/** The licence texts of all that is inside the binary, one after the other. */
export function licenceTexts(components: readonly Component[]): string {
  const inside = components.filter((component) => component.inside);
  const list = inside.map(({ name, version, licence }) => `  ${name} ${version}: ${licence}`);
  const texts = inside.map(
    ({ name, version, text }) => `${'='.repeat(100)}\n${name} ${version}\n\n${text}\n`,
  );
  return `kor-coin-stream contains the work of others:\n\n${list.join('\n')}\n\n${texts.join('\n')}`;
}
