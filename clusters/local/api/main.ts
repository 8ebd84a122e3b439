// Process of the API server: `main.ts --config FILE`. Ends on SIGTERM or SIGINT, after the last commit.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { toApiServerOptions } from './options.ts';
import { createApiServer } from './server.ts';

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) {
  process.stderr.write('usage: main.ts --config FILE\n');
  process.exit(2);
}
const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());
try {
  const server = createApiServer(toApiServerOptions(readFileSync(values.config, 'utf8')));
  const running = await server.start(stop.signal);
  process.stdout.write(`api server listens on ${running.url}\n`);
  await running.closed;
} catch (error) {
  process.stderr.write(`api server: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
