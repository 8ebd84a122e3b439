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
  .addHelpText('after', examples('./rig up', './rig synth local', './rig test'));

const environmentOption = ['-e, --env <name>', 'the environment to talk to (default: $RIG_ENV, else local)'] as const;

rig
  .command('up')
  .argument('[env]', 'environment to bring up', process.env['RIG_ENV'] ?? 'local')
  .description('bring an environment up; `local` needs no cluster')
  .option('-d, --detach', 'return once Ready instead of showing live status')
  .option('--bare', 'without the example apps')
  .option('--timeout <seconds>', 'how long to wait for Ready, in seconds', integer(1, 86_400), 120)
  .option('--port-offset <n>', 'moves every host port by n', integer(0, 50_000), 0)
  .option('--nodes <n>', 'number of nodes of the local cluster', integer(1, 8), 1)
  .option('--no-install', 'never install missing system tools')
  .addHelpText(
    'after',
    examples('./rig up', './rig up -d --bare', './rig up -d --port-offset 1000', './rig up -d --nodes 3'),
  )
  .action(async (env: string, options) => (await import('./up.ts')).up(env, options));

rig
  .command('down')
  .argument('[env]', 'environment to take down', process.env['RIG_ENV'] ?? 'local')
  .description('take an environment down and leave nothing behind')
  .addHelpText('after', examples('./rig down'))
  .action(async (env: string) => (await import('./down.ts')).down(env));

rig
  .command('synth')
  .argument('[env]', 'environment to write manifests for', process.env['RIG_ENV'] ?? 'local')
  .description('write the manifests that an environment is made of')
  .option('--out <dir>', 'where to write (default: manifests/<env>; for local .rig/local/manifests)')
  .option('--check', 'exit 1 with a diff where the files there are stale')
  .addHelpText('after', examples('./rig synth local', './rig synth dev --check'))
  .action(async (env: string, options) => {
    process.exitCode = await (await import('./synth.ts')).synth(env, options);
  });

rig
  .command('status')
  .description('health of an environment: control plane, nodes, gateways, proxies, with reasons')
  .option(...environmentOption)
  .addHelpText('after', examples('./rig status'))
  .action(async (options) => {
    process.exitCode = await (await import('./status.ts')).status(options.env ?? process.env['RIG_ENV'] ?? 'local');
  });

rig
  .command('kubeconfig')
  .description('print the path of a kubeconfig')
  .option(...environmentOption)
  .addHelpText('after', examples('export KUBECONFIG=$(./rig kubeconfig)'))
  .action(async (options) =>
    (await import('./kubeconfig.ts')).kubeconfig(options.env ?? process.env['RIG_ENV'] ?? 'local'),
  );

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

rig
  .command('analyze')
  .argument('[file...]', 'files and folders to look at; none: the running environment')
  .description("mistakes in configuration, with Istio's codes; exit 79 on findings")
  .option(...environmentOption)
  .option('--kubeconfig <file>', 'kubeconfig to use instead of the environment')
  .option('--context <name>', 'context of the kubeconfig')
  .option('-n, --namespace <name>', 'namespace to report on (default: default)')
  .option('-A, --all-namespaces', 'report on all namespaces')
  .option('-k, --use-kube', 'with files: look things up in the running environment, too')
  .option('--failure-threshold <level>', 'exit non-zero from this level on: Error, Warning, Info', 'Error')
  .option('--output-threshold <level>', 'print from this level on: Error, Warning, Info', 'Info')
  .option(
    '-S, --suppress <rule>',
    "leave out, e.g. 'IST0102=Namespace *' (repeatable)",
    (each: string, all: string[]) => [...all, each],
    [] as string[],
  )
  .option('-o, --output <format>', 'log, json or yaml', 'log')
  .addHelpText(
    'after',
    examples('./rig analyze', './rig analyze manifests/prod', "./rig analyze -A -S 'IST0102=Namespace *'"),
  )
  .action(async (files: string[], options) => {
    process.exitCode = await (await import('./analyze.ts')).analyzeVerb(files, options);
  });

rig
  .command('why')
  .argument('<method>', 'method of the request')
  .argument('<url>', 'whole URL, e.g. http://reviews:9080/')
  .description('the way of one request: every rule that was tried, and who decided')
  .option(...environmentOption)
  .option('--kubeconfig <file>', 'kubeconfig to use instead of the environment')
  .option('--context <name>', 'context of the kubeconfig')
  .option('--from <workload>', 'who calls; a gateway stands for a client outside', 'istio-ingressgateway')
  .option(
    '-H, --header <header>',
    "header of the request, 'Name: value' (repeatable)",
    (each: string, all: string[]) => [...all, each],
    [] as string[],
  )
  .option('-o, --output <format>', 'json')
  .addHelpText(
    'after',
    examples(
      './rig why GET http://reviews:9080/ --from productpage',
      "./rig why GET http://reviews:9080/ --from productpage -H 'end-user: jason'",
    ),
  )
  .action(async (method: string, url: string, options) => (await import('./why.ts')).why(method, url, options));

try {
  await rig.parseAsync();
} catch (error) {
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? 0 : error.exitCode) : report(error);
}
