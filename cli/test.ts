// `rig test`: the phases one after another, fast first; each test file that failed is tried once more by itself and named as
// flaky if it then passes; the last line counts everything.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.ts';
import { root } from './paths.ts';
import { ensureTools, localTools } from './system-tools.ts';

const phases = [
  { name: 'fast', workers: 2 },
  { name: 'peers', workers: 1 },
  { name: 'e2e', workers: 1 },
] as const;

/** A phase that has not ended by then is ended; the whole run has to fit in CI's time. */
const longestPhaseMs = 25 * 60_000;
/** A runner whose results are written but that does not end (a leaked handle) is ended after this. */
const lingerMs = 30_000;

interface Assertion {
  readonly fullName: string;
  readonly status: 'passed' | 'failed' | 'pending' | 'skipped' | 'todo' | 'disabled';
  readonly title: string;
}

interface FileResult {
  readonly name: string;
  readonly status: 'passed' | 'failed';
  readonly message: string;
  readonly assertionResults: readonly Assertion[];
}

interface RunResult {
  readonly testResults: readonly FileResult[];
}

interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  readonly flaky: string[];
}

function runJest(
  phase: string,
  workers: number,
  patterns: readonly string[],
  output: string,
): Promise<RunResult | undefined> {
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--experimental-vm-modules',
    join(root, 'node_modules/jest/bin/jest.js'),
    ...patterns,
    '--passWithNoTests',
    '--json',
    `--outputFile=${output}`,
    ...(workers === 1 ? ['--runInBand'] : [`--maxWorkers=${workers}`]),
    '--selectProjects',
    phase,
  ];
  const read = (): RunResult | undefined => {
    try {
      return JSON.parse(readFileSync(output, 'utf8')) as RunResult;
    } catch {
      return undefined;
    }
  };
  return new Promise((resolve) => {
    // jest's report for people is on stderr; its JSON goes to the file, so stdout is not needed.
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, NODE_OPTIONS: '' },
    });
    let written: number | undefined;
    const timer = setInterval(() => {
      if (written === undefined && read()) written = Date.now();
      const lingers = written !== undefined && Date.now() - written > lingerMs;
      if (lingers || Date.now() - started > longestPhaseMs) {
        process.stderr.write(
          lingers
            ? `rig: WARNING: the ${phase} tests wrote their results but did not end: something is left open\n`
            : `rig: the ${phase} tests took too long and were ended\n`,
        );
        child.kill('SIGKILL');
      }
    }, 1_000);
    const started = Date.now();
    child.on('exit', () => {
      clearInterval(timer);
      resolve(read());
    });
  });
}

function count(file: FileResult, tally: Tally): void {
  if (file.assertionResults.length === 0 && file.status === 'failed') tally.failed++;
  let failedTests = 0;
  for (const test of file.assertionResults) {
    if (test.status === 'passed') tally.passed++;
    else if (test.status === 'failed') {
      tally.failed++;
      failedTests++;
    } else {
      tally.skipped++;
      process.stderr.write(`skipped: ${test.fullName}\n`);
    }
  }
  // A file may fail as a whole though each of its tests passed (a failing afterAll).
  if (file.status === 'failed' && failedTests === 0 && file.assertionResults.length > 0) tally.failed++;
}

/** Runs the tests; gives the exit code. */
export async function test(
  pattern: string | undefined,
  options: { phase?: string | undefined; install: boolean },
): Promise<number> {
  const chosen = phases.filter((phase) => options.phase === undefined || phase.name === options.phase);
  if (chosen.length === 0)
    throw new Failure(`there is no phase '${options.phase}': it is one of ${phases.map((it) => it.name).join(', ')}`);
  if (process.platform === 'linux') {
    ensureTools(
      [
        ...localTools,
        { program: 'prometheus', debianPackage: 'prometheus', why: 'metrics tests' },
        { program: 'openssl', debianPackage: 'openssl', why: 'certificate tests' },
        { program: 'curl', debianPackage: 'curl', why: 'end-to-end tests' },
      ],
      { install: options.install, say: (line) => process.stderr.write(`rig: ${line}\n`) },
    );
  }
  mkdirSync(join(root, '.rig'), { recursive: true });
  const folder = mkdtempSync(join(root, '.rig', 'test-'));
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, flaky: [] };
  for (const phase of chosen) {
    process.stderr.write(`--- ${phase.name} tests\n`);
    const result = await runJest(
      phase.name,
      phase.workers,
      pattern === undefined ? [] : [pattern],
      join(folder, `${phase.name}.json`),
    );
    if (!result) {
      process.stderr.write(`rig: the ${phase.name} tests gave no result\n`);
      tally.failed++;
      continue;
    }
    for (const file of result.testResults) {
      if (file.status === 'passed') {
        count(file, tally);
        continue;
      }
      // Once more, alone: on a busy machine time runs out where nothing is wrong. What fails twice has failed.
      process.stderr.write(`--- again: ${file.name.slice(root.length + 1)}\n`);
      const again = await runJest(
        phase.name,
        1,
        [file.name],
        join(folder, `again-${tally.flaky.length}-${tally.failed}.json`),
      );
      const second = again?.testResults.find((it) => it.name === file.name);
      if (second?.status === 'passed') tally.flaky.push(file.name.slice(root.length + 1));
      count(second ?? file, tally);
    }
  }
  for (const file of tally.flaky) process.stderr.write(`FLAKY: ${file} failed, then passed when run again by itself\n`);
  rmSync(folder, { recursive: true, force: true });
  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
  process.stdout.write(`${tally.passed} passed, ${tally.failed} failed${skipped}\n`);
  return tally.failed > 0 || tally.passed === 0 ? 1 : 0;
}
