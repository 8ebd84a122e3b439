// The program `istio-iptables`: run by the init container istio-init in the pod's network namespace, as root.
import { spawn } from 'node:child_process';
import { cleanupText, isApplied, parseSave, restoreText, type SavedTable } from './apply.ts';
import { FlagError, parseIptablesFlags } from './flags.ts';
import { interceptionRules, type TableRules } from './rules.ts';

/** What the program touches. */
export interface IptablesIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: (line: string) => void;
  /** Runs a command to its end and gives its output; throws with the command's own words when it fails. */
  readonly run: (command: string, args: readonly string[], input?: string) => Promise<string>;
}

/** Exit code of a failed validation: the CNI repair controller waits for it. */
const EXIT_NOT_VALID = 126;

/** @returns the exit code: 0 done, 1 failed, 2 wrong flags, 126 rules missing (validation) */
export async function runIstioIptables(args: readonly string[], io: IptablesIo = processIo()): Promise<number> {
  try {
    const command = parseIptablesFlags(args, io.env);
    const wanted = interceptionRules(command.interception);
    if (command.action === 'dry-run') {
      const empty: SavedTable = { chains: new Set(), rules: [] };
      for (const table of wanted) io.log(restoreText(empty, table));
      return 0;
    }
    if (command.action === 'cleanup') return await cleanup(io);
    if (command.action === 'validate') return await validate(wanted, io);
    for (const table of wanted) await apply(table, command.force, io);
    return 0;
  } catch (error) {
    io.log(`istio-iptables: ${(error as Error).message}`);
    return error instanceof FlagError ? 2 : 1;
  }
}

async function apply(want: TableRules, force: boolean, io: IptablesIo): Promise<void> {
  const saved = await save(want.table, io);
  if (!force && isApplied(saved, want)) {
    io.log(`table ${want.table}: the rules are there already`);
    return;
  }
  await io.run('iptables-restore', ['--noflush', '-w', '30'], restoreText(saved, want));
  if (!isApplied(await save(want.table, io), want)) {
    throw new Error(
      `table ${want.table} reads back differently from what was written; does another program write rules in this pod?`,
    );
  }
  io.log(`table ${want.table}: ${want.rules.length} rules applied\n${want.rules.join('\n')}`);
}

async function cleanup(io: IptablesIo): Promise<number> {
  for (const table of ['nat', 'mangle'] as const) {
    const text = cleanupText(await save(table, io), table);
    if (text !== undefined) await io.run('iptables-restore', ['--noflush', '-w', '30'], text);
  }
  io.log('rules removed');
  return 0;
}

async function validate(wanted: readonly TableRules[], io: IptablesIo): Promise<number> {
  for (const want of wanted) {
    if (isApplied(await save(want.table, io), want)) continue;
    io.log(
      `table ${want.table} does not redirect this pod's traffic; the CNI node agent has not set it up, restart the pod`,
    );
    return EXIT_NOT_VALID;
  }
  io.log('validation passed, the rules are in place');
  return 0;
}

async function save(table: TableRules['table'], io: IptablesIo): Promise<SavedTable> {
  return parseSave(await io.run('iptables-save', ['-t', table]));
}

function processIo(): IptablesIo {
  return { env: process.env, log: (line) => void process.stdout.write(`${line}\n`), run: runCommand };
}

/** Longest output that is kept of a command. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

export function runCommand(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let size = 0;
    const keep = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_OUTPUT_BYTES) into.push(chunk);
    };
    child.stdout.on('data', keep(output));
    child.stderr.on('data', keep(errors));
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new Error(`${command} is not installed; install the package iptables`) : error),
    );
    child.on('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output).toString('utf8'));
      else
        reject(
          new Error(`${command} failed with ${code}: ${Buffer.concat(errors).toString('utf8').trim().slice(0, 2000)}`),
        );
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
