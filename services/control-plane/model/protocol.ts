// Which protocol a service port speaks: appProtocol first, then the port's name up to the first dash.
// See config-api: protocol selection.

export type Protocol = 'http' | 'http2' | 'grpc' | 'tcp' | 'tls' | 'https' | 'auto' | 'udp';

const byName: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http2: 'http2',
  'http-web': 'http',
  grpc: 'grpc',
  'grpc-web': 'http',
  https: 'https',
  tls: 'tls',
  tcp: 'tcp',
  mongo: 'tcp',
  mysql: 'tcp',
  redis: 'tcp',
  udp: 'udp',
};

const byAppProtocol: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
};

/** Ports whose protocol a server speaks first; never sniffed. */
const serverFirst = new Set([25, 3306, 6379, 9042, 27017]);

export function protocolOf(port: {
  readonly name?: string | undefined;
  readonly appProtocol?: string | undefined;
  readonly protocol?: string | undefined;
  readonly port: number;
}): Protocol {
  if (port.protocol === 'UDP' || port.protocol === 'SCTP') return 'udp';
  const app = port.appProtocol?.toLowerCase();
  if (app !== undefined) {
    const found = byAppProtocol[app] ?? byName[app];
    if (found) return found;
  }
  const name = port.name?.toLowerCase();
  if (name !== undefined) {
    if (name.startsWith('grpc-web')) return 'http';
    const found = byName[name.split('-')[0]!];
    if (found) return found;
  }
  return serverFirst.has(port.port) ? 'tcp' : 'auto';
}

/** Whether requests are routed one by one. */
export const isHttp = (protocol: Protocol): boolean =>
  protocol === 'http' || protocol === 'http2' || protocol === 'grpc';
export const isHttp2 = (protocol: Protocol): boolean => protocol === 'http2' || protocol === 'grpc';
