// System tools that npm cannot bring: found, installed by apt after saying so, or named.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Failure } from './failure.ts';

/** A program and the Debian package that brings it. */
export interface SystemTool {
  readonly program: string;
  readonly debianPackage: string;
  readonly why: string;
}

/** What `rig up local` needs. */
export const localTools: readonly SystemTool[] = [
  { program: 'ip', debianPackage: 'iproute2', why: 'network namespaces' },
  { program: 'iptables-restore', debianPackage: 'iptables', why: 'service addresses and traffic redirection' },
  { program: 'nsenter', debianPackage: 'util-linux', why: 'entering network namespaces' },
];

const searchPath = (): string[] => [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/** The path of a program, also where root's directories are missing from PATH. */
export function findProgram(name: string): string | undefined {
  for (const folder of searchPath()) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  return undefined;
}

function isDebian(): boolean {
  try {
    return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

/** Makes sure that every tool is there; throws a Failure that names what is missing and what to do. */
export function ensureTools(
  tools: readonly SystemTool[],
  options: { install: boolean; say: (line: string) => void },
): void {
  const missing = tools.filter((tool) => findProgram(tool.program) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => tool.debianPackage))];
  const named = missing.map((tool) => `${tool.program} (${tool.why})`).join(', ');
  const command = `apt-get install -y ${packages.join(' ')}`;
  if (!options.install)
    throw new Failure(
      `missing: ${named}; --no-install forbids installing: run '${command}' or your system's equivalent`,
    );
  if (process.getuid?.() !== 0 || !isDebian() || findProgram('apt-get') === undefined) {
    throw new Failure(
      `missing: ${named}; install ${packages.join(', ')} with your system's package manager (Debian, Ubuntu: sudo ${command})`,
    );
  }
  options.say(`installing ${packages.join(', ')} with apt (missing: ${named})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
  const result = spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
    env,
    encoding: 'utf8',
  });
  const still = tools.filter((tool) => findProgram(tool.program) === undefined);
  if (still.length > 0) {
    throw new Failure(
      `apt could not install ${packages.join(', ')}: ${(result.stderr || result.stdout || '').trim().split('\n').at(-1)}; run '${command}' yourself`,
    );
  }
}
