// `rig`: one verb per file; this one knows their names and options and is the one place where errors become exit codes.
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { report } from './failure.ts';

const integer =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < low || value > high)
      throw new InvalidArgumentError(`a whole number from ${low} to ${high} is needed.`);
    return value;
  };

const examples = (...lines: string[]): string => `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;

const rig = new Command('rig')
  .description('A service mesh that a team declares, tests, ships and runs in TypeScript.')
  .showHelpAfterError('(see: rig --help)')
  .exitOverride()
  .addHelpText('after', examples('./rig test'));

const environmentOption = ['-e, --env <name>', 'the environment to talk to (default: $RIG_ENV, else local)'] as const;

rig
  .command('down')
  .argument('[env]', 'environment to take down', process.env['RIG_ENV'] ?? 'local')
  .description('take an environment down and leave nothing behind')
  .addHelpText('after', examples('./rig down'))
  .action(async (env: string) => (await import('./down.ts')).down(env));

rig
  .command('kubeconfig')
  .description('print the path of a kubeconfig')
  .option(...environmentOption)
  .addHelpText('after', examples('export KUBECONFIG=$(./rig kubeconfig)'))
  .action(async (options) =>
    (await import('./kubeconfig.ts')).kubeconfig(options.env ?? process.env['RIG_ENV'] ?? 'local'),
  );

rig
  .command('synth')
  .argument('[env]', 'environment to synthesise', process.env['RIG_ENV'] ?? 'local')
  .description('write the manifests of an environment')
  .option('--out <dir>', 'folder to write to (default: manifests/<env>; local: .rig/<env>/manifests)')
  .option('--check', 'write nothing; exit 1 where the committed manifests are stale')
  .addHelpText('after', examples('./rig synth', './rig synth prod --check'))
  .action(async (env: string, options) => {
    process.exitCode = await (await import('./synth.ts')).synth(env, options);
  });

rig
  .command('test')
  .argument('[pattern]', 'only test files whose path holds this')
  .description("this repository's own tests")
  .option('--phase <name>', 'only one of fast, peers, e2e')
  .option('--no-install', 'never install missing system tools')
  .addHelpText('after', examples('./rig test', './rig test constructs', './rig test canary --phase e2e'))
  .action(async (pattern: string | undefined, options) => {
    process.exitCode = await (await import('./test.ts')).test(pattern, options);
  });

try {
  await rig.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : error.exitCode) : report(error);
}
