import { createHash } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { version } from '../../package.json';
import { bashCompletion, zshCompletion } from '../cli/completion.ts';
import { commit } from '../common/build-info.ts';
import { run, SetupError } from '../infra/kafka/addon/run.ts';
import { buildBinary, NAME, ROOT } from './binary.ts';
import { nativeParts, packagesOf } from './bundled.ts';
import { cycloneDx, licenceTexts } from './sbom.ts';
import { addonFor, bunFor, TARGETS, type Target } from './targets.ts';

/**
 * `bun run release [TARGET …]`: dist/release/ with an archive for each target and SHA256SUMS. A target whose compiler
 * cannot be had is said and left out; without any the release has failed.
 */
const folder = join(ROOT, 'dist/release');
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), NAME);

async function make(target: Target): Promise<string> {
  const name = `${NAME}-${version}-${target.name}`;
  const tree = join(folder, name);
  mkdirSync(tree, { recursive: true });
  const addon = await addonFor(target, ROOT);
  const bun = await bunFor(target, join(cache, `bun-${Bun.version}-${target.name}`));
  const files = await buildBinary({ outfile: join(tree, NAME), bun, addon });
  const components = [...packagesOf(files), ...nativeParts(target.name === 'linux-x64' ? 'amd64' : 'arm64')];
  const subject = { name: NAME, version, commit: commit(), builtAt: new Date().toISOString() };
  writeFileSync(join(tree, 'sbom.cdx.json'), JSON.stringify(cycloneDx(subject, components), null, 1));
  writeFileSync(join(tree, 'LICENCES.txt'), licenceTexts(components));
  for (const shell of ['bash', 'zsh'] as const) {
    const to = join(tree, 'completion', shell === 'bash' ? NAME : `_${NAME}`);
    mkdirSync(join(tree, 'completion'), { recursive: true });
    writeFileSync(to, shell === 'bash' ? bashCompletion() : zshCompletion());
  }
  for (const [from, to] of COPIED) cpSync(join(ROOT, from), join(tree, to));
  chmodSync(join(tree, NAME), 0o755);
  // What is tested here is what is downloaded.
  if (target.toolchain.arch === process.arch) cpSync(join(tree, NAME), join(ROOT, 'dist', NAME));
  const archive = `${name}.tar.gz`;
  await run('tar', ['--owner=0', '--group=0', '--sort=name', '-czf', archive, name], { cwd: folder });
  rmSync(tree, { recursive: true });
  return archive;
}

/** What goes into an archive as it is. */
const COPIED = [
  ['src/cli/service/kor-coin-stream.service', 'systemd/kor-coin-stream.service'],
  ['src/cli/service/settings.example.yaml', 'settings/settings.yaml'],
  ['config/prod.yaml', 'settings/prod.yaml'],
  ['config/dev.yaml', 'settings/dev.yaml'],
  ['src/cli/service/environment.example', 'settings/environment'],
  ['src/release/Containerfile', 'Containerfile'],
  ['docs/CHANGELOG.md', 'CHANGELOG.md'],
  ['README.md', 'README.md'],
] as const;

const named = process.argv.slice(2);
const wanted = TARGETS.filter(({ name }) => named.length === 0 || named.includes(name));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const target of wanted) {
  try {
    console.log(`release: ${await make(target)}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`release: ${target.name} is left out: ${error.message}`);
  }
}
const archives = readdirSync(folder).filter((file) => file.endsWith('.tar.gz'));
const sums = archives.map((file) => {
  const sum = createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex');
  return `${sum}  ${file}\n`;
});
writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
if (archives.length === 0) process.exitCode = 1;
