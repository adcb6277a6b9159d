import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './binary.ts';

/** Something of others that is inside the binary. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly licence: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl: string;
  /** Its licence as its authors wrote it. */
  readonly text: string;
  /** False for what the binary asks the machine for. */
  readonly inside: boolean;
}

const LICENCE_FILE = /^(licen[cs]e|copying|notice)/i;
/** Made by ourselves in the place of packages of these names. */
const OURS = new Set(['bindings', 'kafka-addon']);

/** The npm packages among the files of a bundle. @throws Error where one has no licence text */
export function packagesOf(files: readonly string[]): Component[] {
  const folders = new Set(
    files.flatMap((file) => file.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  return [...folders]
    .map((folder) => join(ROOT, folder))
    .flatMap((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
      if (OURS.has(name)) return [];
      const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
      return [{ name, version, licence: license, purl, text: licenceIn(folder), inside: true }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every licence file of a folder, one after the other. @throws Error where there is none */
export function licenceIn(folder: string): string {
  const files = readdirSync(folder).filter((file) => LICENCE_FILE.test(file));
  if (files.length === 0) throw new Error(`${folder} has no licence text`);
  return files.map((file) => readFileSync(join(folder, file), 'utf8').trim()).join('\n\n');
}

/** What is in the binary beside npm packages: Bun, the Kafka client's C library, and what that links. */
export function nativeParts(arch: 'amd64' | 'arm64'): Component[] {
  const kafka = join(ROOT, 'node_modules/@confluentinc/kafka-javascript');
  const { librdkafka } = JSON.parse(readFileSync(join(kafka, 'package.json'), 'utf8'));
  return [
    {
      name: 'bun',
      version: Bun.version,
      licence: 'MIT AND LGPL-2.1-only',
      purl: `pkg:npm/bun@${Bun.version}`,
      text: BUN_LICENCE,
      inside: true,
    },
    {
      name: 'librdkafka',
      version: librdkafka,
      licence: 'BSD-2-Clause',
      purl: `pkg:github/confluentinc/librdkafka@v${librdkafka}`,
      text: licenceIn(join(kafka, 'deps/librdkafka')),
      inside: true,
    },
    debian('openssl', 'libssl-dev', 'Apache-2.0', arch, true),
    debian('libstdc++', 'libstdc++-12-dev', 'GPL-3.0-or-later WITH GCC-exception-3.1', arch, true),
    debian('zlib', 'zlib1g-dev', 'Zlib', arch, false),
    debian('zstd', 'libzstd-dev', 'BSD-3-Clause', arch, false),
  ];
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder is dpkg's
const DPKG_VERSION = '-f=${Version}';

function debian(name: string, from: string, licence: string, arch: string, inside: boolean): Component {
  const query = Bun.spawnSync(['dpkg-query', '-W', DPKG_VERSION, `${from}:${arch}`]);
  const fallback = Bun.spawnSync(['dpkg-query', '-W', DPKG_VERSION, from]);
  const version = (query.success ? query : fallback).stdout.toString() || 'unknown';
  const copyright = `/usr/share/doc/${from}/copyright`;
  const text = existsSync(copyright)
    ? readFileSync(copyright, 'utf8').trim()
    : `${licence}, as Debian's ${from} has it.`;
  return { name, version, licence, purl: `pkg:deb/debian/${from}@${version}?arch=${arch}`, text, inside };
}

const BUN_LICENCE = `Bun is under the MIT licence (Copyright (c) Oven). It links JavaScriptCore and WebKit's WTF under the LGPL 2.1 and
other libraries under licences of their own. The whole list, and how to link Bun against a JavaScriptCore of one's
own, is at https://bun.sh/docs/project/licensing; Bun's source is at https://github.com/oven-sh/bun.`;
