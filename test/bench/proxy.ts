// Our proxy beside stock Envoy with one worker: same routes over ADS, HTTP/1.1 keep-alive, access log on, metrics on.
// Requests per second, and per second of the proxy's own processor time (the steadier figure on a small machine).
import { type ChildProcess, spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { ISTIO_TEXT_FORMAT } from '#lib/telemetry/access-log.ts';
import { packAny } from '#wire/xds.ts';
import { startEnvoy } from '../harness/envoy.ts';
import { type StaticConfig, StaticDiscovery } from '../harness/static-discovery.ts';

const CONNECTIONS = 32;
const WARM_SECONDS = 3;
const SECONDS = 6;
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3);
const TICKS_PER_SECOND = 100;

interface Result {
  readonly requests: number;
  readonly failures: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

function config(upstream: number): StaticConfig {
  const accessLog = [
    {
      name: 'envoy.access_loggers.file',
      typedConfig: packAny('envoy.extensions.access_loggers.file.v3.FileAccessLog', {
        path: '/dev/stdout',
        logFormat: { textFormatSource: { inlineString: ISTIO_TEXT_FORMAT } },
      }),
    },
  ];
  const manager = packAny('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    statPrefix: 'bench',
    rds: { routeConfigName: '9080', configSource: { ads: {}, resourceApiVersion: 'V3' } },
    httpFilters: [
      { name: 'istio.stats', isOptional: true },
      { name: 'envoy.filters.http.router', typedConfig: packAny('envoy.extensions.filters.http.router.v3.Router', {}) },
    ],
    accessLog,
  });
  return {
    clusters: ['v1', 'v2', 'v3'].map((subset) => ({
      name: `outbound|9080|${subset}|reviews.default.svc.cluster.local`,
      type: 'EDS',
      connectTimeout: { seconds: 5 },
      edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
      lbPolicy: 'LEAST_REQUEST',
    })),
    endpoints: ['v1', 'v2', 'v3'].map((subset) => ({
      clusterName: `outbound|9080|${subset}|reviews.default.svc.cluster.local`,
      endpoints: [
        { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: '127.0.0.1', portValue: upstream } } } }] },
      ],
    })),
    listeners: [
      {
        name: 'bench',
        address: { socketAddress: { address: '127.0.0.1', portValue: 0 } },
        trafficDirection: 'OUTBOUND',
        filterChains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typedConfig: manager }] }],
      },
    ],
    routes: [
      {
        name: '9080',
        ignorePortInHostMatching: true,
        virtualHosts: [
          {
            name: 'details',
            domains: ['details', 'details.default.svc.cluster.local'],
            routes: [{ match: { prefix: '/' }, route: { cluster: 'none' } }],
          },
          {
            name: 'reviews',
            domains: ['reviews', 'reviews.default.svc.cluster.local'],
            routes: [
              {
                name: 'testers',
                match: { prefix: '/', headers: [{ name: 'end-user', stringMatch: { exact: 'jason' } }] },
                route: { cluster: 'outbound|9080|v2|reviews.default.svc.cluster.local' },
              },
              {
                name: 'rollout',
                match: { prefix: '/' },
                route: {
                  weightedClusters: {
                    clusters: [
                      { name: 'outbound|9080|v1|reviews.default.svc.cluster.local', weight: { value: 90 } },
                      { name: 'outbound|9080|v3|reviews.default.svc.cluster.local', weight: { value: 10 } },
                    ],
                  },
                  retryPolicy: {
                    retryOn: 'connect-failure,refused-stream,unavailable,cancelled',
                    numRetries: { value: 2 },
                  },
                },
              },
            ],
          },
        ],
      },
    ],
  } as StaticConfig;
}

class Load {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  constructor() {
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'test/bench/load.ts'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#reader = createInterface({ input: this.#child.stdout! });
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  async read<T>(): Promise<T> {
    return JSON.parse((await this.#lines.next()).value) as T;
  }

  run(port: number, seconds: number): Promise<Result> {
    this.#child.stdin!.write(`${JSON.stringify({ port, connections: CONNECTIONS, seconds })}\n`);
    return this.read();
  }

  stop(): void {
    this.#child.stdin!.end();
  }
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentMb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

async function startOurs(adsPort: number, stdout: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'test/harness/stand-alone-proxy.ts', String(adsPort), 'bench'],
    { stdio: ['ignore', stdout, 'pipe'] },
  );
  const lines = createInterface({ input: child.stderr! });
  for await (const line of lines) {
    const port = /^port (\d+)$/.exec(line)?.[1];
    if (port !== undefined) return { child, port: Number(port) };
    console.error(line);
  }
  throw new Error('our proxy did not start');
}

async function measure(
  load: Load,
  port: number,
  pid: number,
): Promise<{ rate: number; perCpu: number; result: Result }> {
  await load.run(port, WARM_SECONDS);
  const before = cpuSeconds(pid);
  const result = await load.run(port, SECONDS);
  const cpu = cpuSeconds(pid) - before;
  return { rate: result.requests / result.seconds, perCpu: result.requests / cpu, result };
}

/** Prints the comparison; returns ours to Envoy's, in requests per second. */
export async function benchProxy(): Promise<number> {
  const load = new Load();
  const { upstream } = await load.read<{ upstream: number }>();
  const discovery = new StaticDiscovery(config(upstream));
  await discovery.start();
  const stdout = openSync('/dev/null', 'w');
  const ours = await startOurs(discovery.port, stdout);
  const restMb = residentMb(ours.child.pid!);
  const envoy = await startEnvoy({ adsPort: discovery.port, stdout });
  const rows: { name: string; rate: number; perCpu: number; result: Result }[] = [];
  try {
    const envoyPort = await envoy.waitForListener('bench');
    for (let round = 0; round < ROUNDS; round++) {
      rows.push({ name: 'ours', ...(await measure(load, ours.port, ours.child.pid!)) });
      rows.push({ name: 'envoy', ...(await measure(load, envoyPort, envoy.process.pid!)) });
    }
  } finally {
    load.stop();
    ours.child.kill('SIGKILL');
    await envoy.stop();
    discovery.stop();
  }
  for (const { name, rate, perCpu, result } of rows) {
    console.log(
      `${name.padEnd(6)} ${rate.toFixed(0).padStart(7)} req/s  ${perCpu.toFixed(0).padStart(7)} req/cpu-s  p50 ${result.p50} ms  p99 ${result.p99} ms  failures ${result.failures}`,
    );
  }
  const best = (name: string, of: 'rate' | 'perCpu'): number =>
    Math.max(...rows.filter((row) => row.name === name).map((row) => row[of]));
  const ratio = best('ours', 'rate') / best('envoy', 'rate');
  console.log(`proxy/envoy requests per second: ${ratio.toFixed(2)} (needed 1.0, aim 1.5)`);
  console.log(`proxy/envoy requests per cpu second: ${(best('ours', 'perCpu') / best('envoy', 'perCpu')).toFixed(2)}`);
  console.log(`resident memory of the bare data plane at rest: ${restMb.toFixed(0)} MB`);
  return ratio;
}

if (process.argv[1] === import.meta.filename) await benchProxy();
