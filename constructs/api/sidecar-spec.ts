// Sidecar: schema and types.
import { destination } from './route-parts.ts';
import { array, object, oneOf, string, type TypeOf, uint32 } from './schema.ts';
import { serverTls } from './server-tls.ts';
import { labelSelector } from './service-entry-spec.ts';
import { connectionPool } from './traffic-policy.ts';

const sidecarPort = object('A port.', {
  name: string('Name of the port.'),
  number: uint32('Number of the port; 0 with a unix socket.'),
  protocol: string('HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS.'),
  targetPort: uint32('No effect.'),
});
const captureMode = oneOf('How traffic comes to the listener.', ['DEFAULT', 'IPTABLES', 'NONE']);
const bind = string('Address or `unix://` path to listen on.');

const egressListener = object(
  'What the workload may call, through one port or all.',
  {
    bind,
    captureMode,
    hosts: array('Services that are imported.', string('`<namespace>/<host>`, with `*`, `.` and `~` as namespace.')),
    port: sidecarPort,
  },
  { required: ['hosts'] },
);

const ingressListener = object(
  'A port at which the workload is called.',
  {
    bind,
    captureMode,
    connectionPool,
    defaultEndpoint: string('Where the app listens: `127.0.0.1:<port>`, `0.0.0.0:<port>` or `unix://` path.'),
    port: sidecarPort,
    tls: serverTls,
  },
  { required: ['port'] },
);

export const sidecarSpec = object('What the sidecars of workloads know and listen to.', {
  egress: array('What workloads may call; absent imports everything.', egressListener),
  inboundConnectionPool: connectionPool,
  ingress: array('Ports at which workloads are called; absent takes those of their services.', ingressListener),
  outboundTrafficPolicy: object('What happens to traffic for unknown services.', {
    egressProxy: destination('Where such traffic goes.'),
    mode: oneOf('Whether it is let through.', ['REGISTRY_ONLY', 'ALLOW_ANY']),
  }),
  workloadSelector: labelSelector,
});

export type SidecarSpec = TypeOf<typeof sidecarSpec>;
export type SidecarEgressListener = TypeOf<typeof egressListener>;
export type SidecarIngressListener = TypeOf<typeof ingressListener>;
export type SidecarPort = TypeOf<typeof sidecarPort>;
