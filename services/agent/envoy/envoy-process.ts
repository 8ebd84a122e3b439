// A stock Envoy as a child: started with a bootstrap, asked over its admin port, drained and ended in order.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '#lib/backoff/backoff.ts';

/** How Envoy is started. */
export interface EnvoyProcessOptions {
  readonly binary: string;
  readonly bootstrap: object;
  /** Holds the bootstrap and the admin address; readable by this user alone. */
  readonly configDir: string;
  readonly concurrency: number;
  readonly drainSeconds: number;
  readonly logLevel: string;
  readonly log: (line: string) => void;
}

const START_TIMEOUT_MS = 30_000;
const MAX_ADMIN_BYTES = 64 * 1024 * 1024;

export class EnvoyProcess {
  readonly #child: ChildProcess;
  readonly #adminPort: number;
  /** Resolves with the exit code, or 128 + signal number's place when it was killed. */
  readonly exited: Promise<number>;

  private constructor(child: ChildProcess, adminPort: number, exited: Promise<number>) {
    this.#child = child;
    this.#adminPort = adminPort;
    this.exited = exited;
  }

  /** Resolves when Envoy's admin answers. */
  static async start(options: EnvoyProcessOptions): Promise<EnvoyProcess> {
    const { configDir, log } = options;
    await mkdir(configDir, { recursive: true, mode: 0o700 });
    const config = join(configDir, 'envoy-rev.json');
    const addressFile = join(configDir, 'admin-address');
    await writeFile(config, JSON.stringify(options.bootstrap), { mode: 0o600 });
    await rm(addressFile, { force: true });
    const child = spawn(options.binary, [...argumentsOf(options, config), '--admin-address-path', addressFile], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => log(text.trimEnd()));
    const exited = new Promise<number>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        log(
          error.code === 'ENOENT' ? `Envoy is not at ${options.binary}; set ENVOY_BINARY` : `Envoy: ${error.message}`,
        );
        resolve(127);
      });
      child.once('exit', (code) => resolve(code ?? 137));
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    let ended: number | undefined;
    void exited.then((code) => {
      ended = code;
    });
    while (ended === undefined) {
      const port = Number((await readFile(addressFile, 'utf8').catch(() => '')).split(':').at(-1));
      if (port > 0) return new EnvoyProcess(child, port, exited);
      if (Date.now() > deadline) {
        child.kill('SIGKILL');
        throw new Error(`Envoy did not open its admin port within ${START_TIMEOUT_MS / 1000} s`);
      }
      await waitFor(20);
    }
    throw new Error(`Envoy ended with code ${ended} before it was up; its messages are above`);
  }

  /** Asks the admin. */
  async admin(path: string, method: 'GET' | 'POST' = 'GET'): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.#adminPort}${path}`, {
      method,
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Envoy's admin answered ${response.status} to ${path}`);
    if (text.length > MAX_ADMIN_BYTES) throw new Error(`Envoy's admin answered ${text.length} bytes to ${path}`);
    return text;
  }

  /** Ready as istio-agent means it: clusters and listeners received once, server live. */
  async readiness(): Promise<{ ready: boolean; reason?: string }> {
    const text = await this.admin(
      '/stats?filter=^(server.state|cluster_manager.cds.update_success|listener_manager.lds.update_success)$',
    ).catch(() => '');
    const value = (name: string): number =>
      Number(new RegExp(`^${name.replaceAll('.', '\\.')}: (\\d+)$`, 'm').exec(text)?.[1] ?? -1);
    if (value('cluster_manager.cds.update_success') < 1) return { ready: false, reason: 'Envoy has no clusters yet' };
    if (value('listener_manager.lds.update_success') < 1) return { ready: false, reason: 'Envoy has no listeners yet' };
    return value('server.state') === 0 ? { ready: true } : { ready: false, reason: 'Envoy is not live yet' };
  }

  async drain(): Promise<void> {
    await this.admin('/drain_listeners?inboundonly&graceful', 'POST').catch(() => '');
  }

  async activeConnections(): Promise<number> {
    const text = await this.admin('/stats?usedonly&filter=downstream_cx_active$').catch(() => '');
    return text
      .split('\n')
      .reduce((sum, line) => sum + (/^listener\.(?!admin)/.test(line) ? Number(line.split(': ')[1] ?? 0) : 0), 0);
  }

  /** SIGTERM, then SIGKILL when it does not end in time. */
  async end(graceMs = 5_000): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    await this.exited;
    clearTimeout(timer);
  }
}

function argumentsOf(options: EnvoyProcessOptions, config: string): string[] {
  return [
    ...['-c', config, '--disable-hot-restart', '--concurrency', String(Math.max(1, options.concurrency))],
    ...['--drain-time-s', String(Math.max(1, Math.round(options.drainSeconds))), '--drain-strategy', 'immediate'],
    ...['--local-address-ip-version', 'v4', '--file-flush-interval-msec', '1000', '-l', options.logLevel],
  ];
}
