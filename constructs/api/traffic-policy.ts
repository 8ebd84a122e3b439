// How clients treat a service: connection pools, load balancing, outlier detection, TLS. Shared by DestinationRule and Sidecar.
import {
  array,
  boolean,
  double,
  duration,
  int32,
  map,
  object,
  oneOf,
  string,
  type TypeOf,
  uint32,
  uint64,
} from './schema.ts';

export const connectionPool = object('Limits of connections and requests.', {
  http: object('Limits for HTTP, HTTP/2 and gRPC.', {
    h2UpgradePolicy: oneOf('Whether HTTP/1.1 becomes HTTP/2.', ['DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE']),
    http1MaxPendingRequests: int32('Requests that may wait for a connection.'),
    http2KeepAlive: object('Pings on HTTP/2 connections.', {
      interval: duration('Time between pings.'),
      timeout: duration('Time to wait for the answer.'),
    }),
    http2MaxRequests: int32('Requests that may be under way.'),
    idleTimeout: duration('How long a connection without requests stays open; default 1h.'),
    maxConcurrentStreams: int32('Streams of one HTTP/2 connection.'),
    maxRequestsPerConnection: int32('Requests of one connection; 0 means no limit.'),
    maxRetries: int32('Retries that may be under way.'),
    useClientProtocol: boolean('Whether the protocol of the client is kept.'),
  }),
  tcp: object('Limits for all connections.', {
    connectTimeout: duration('Limit for making a connection; default that of the mesh, 10s.'),
    idleTimeout: duration('How long a connection without bytes stays open; 0s means for ever, default 1h.', {
      orZero: true,
    }),
    maxConnectionDuration: duration('How long a connection may live.'),
    maxConnections: int32('Connections to the service.'),
    tcpKeepalive: object('SO_KEEPALIVE.', {
      interval: duration('Time between probes.'),
      probes: uint32('Probes without answer before the connection counts as dead.'),
      time: duration('Idle time before the first probe.'),
    }),
  }),
});

export const outlierDetection = object('When an endpoint is taken out of load balancing.', {
  baseEjectionTime: duration('Shortest time out; grows with every ejection. Default 30s.'),
  consecutive5xxErrors: uint32('5xx in a row, default 5; 0 disables.', { nullable: true }),
  consecutiveErrors: int32('Gateway errors in a row.'),
  consecutiveGatewayErrors: uint32('502, 503 and 504 in a row; default off.', { nullable: true }),
  consecutiveLocalOriginFailures: uint32('Failures to connect in a row, default 5.', { nullable: true }),
  interval: duration('Time between sweeps, default 10s.'),
  maxEjectionPercent: int32('Largest share of endpoints that may be out, default 10.'),
  minHealthPercent: int32('Below this share of healthy endpoints all are used, default 0.'),
  outlierDetectionHttpErrorCodes: array(
    'Statuses that count as failures instead of 5xx.',
    uint32('HTTP status.', { minimum: 100, maximum: 599 }),
  ),
  splitExternalLocalOriginErrors: boolean('Whether failures to connect are counted apart from answers.'),
});

const failover = array(
  'Where traffic goes when a region has no healthy endpoints.',
  object('From one region to another.', { from: string('Region.'), to: string('Region.') }),
);
const failoverPriority = array('Labels by which endpoints are ranked, in order.', string('Label key, or `key=value`.'));

const consistentHash = object(
  'Sends requests of one key to one endpoint.',
  {
    httpCookie: object(
      'Key is a cookie.',
      {
        attributes: array(
          'Attributes of a generated cookie.',
          object('Attribute.', { name: string('Name.'), value: string('Value.') }, { required: ['name'] }),
        ),
        name: string('Name of the cookie.'),
        path: string('Path of the cookie.'),
        ttl: duration('Life of a generated cookie; 0s makes a session cookie.', { orZero: true }),
      },
      { required: ['name'] },
    ),
    httpHeaderName: string('Key is a header.'),
    httpQueryParameterName: string('Key is a query parameter.'),
    maglev: object('Maglev hashing.', { tableSize: uint64('Size of the table, a prime; default 65537.') }),
    minimumRingSize: uint64('Smallest size of the ring.'),
    ringHash: object('Ring hashing.', { minimumRingSize: uint64('Smallest size of the ring, default 1024.') }),
    useSourceIp: boolean('Key is the address of the client.'),
  },
  {
    exclusive: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
    deprecated: { minimumRingSize: 'use ringHash.minimumRingSize' },
  },
);

export const loadBalancer = object(
  'How an endpoint is chosen.',
  {
    backendUtilization: object('Weights by the utilisation that endpoints report.', {
      errorUtilizationPenaltyPercent: uint32('Penalty for errors, in percent.'),
      metricNamesForComputingUtilization: array('Reported metrics that count.', string('Name of a metric.')),
      weightExpirationPeriod: duration('After this time without a report a weight is forgotten.', { orZero: true }),
      weightStabilizationPeriod: duration('Reports are used after this time.', { orZero: true }),
      weightUpdatePeriod: duration('How often weights change.', { orZero: true }),
    }),
    consistentHash,
    localityLbSetting: object('Preference of near endpoints.', {
      distribute: array(
        'Explicit shares.',
        object('Shares for callers of one place.', {
          from: string('`region/zone/subzone`, `*` as part.'),
          to: map('Share of each place, together 100.', uint32('Percent.')),
        }),
      ),
      enabled: boolean('Whether the setting is used.', { nullable: true }),
      failover,
      failoverPriority,
    }),
    simple: oneOf('Algorithm.', ['UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST']),
    warmup: object(
      'New endpoints get traffic slowly.',
      {
        aggression: double('Shape of the growth, default 1.0.', { minimum: 0, nullable: true }),
        duration: duration('How long the growth takes.'),
        minimumPercent: double('Share at the start, default 10.', { minimum: 0, maximum: 100, nullable: true }),
      },
      { required: ['duration'] },
    ),
    warmupDurationSecs: duration('New endpoints get traffic slowly over this time.'),
    zoneAwareLbSetting: object('Keeps traffic in the zone as far as capacities allow.', {
      enabled: boolean('Whether the setting is used.', { nullable: true }),
      failover,
      failoverPriority,
      minClusterSize: uint32('Below this number of endpoints zones are ignored, default 6.', {
        minimum: 1,
        nullable: true,
      }),
    }),
  },
  {
    exclusive: [['simple', 'consistentHash', 'backendUtilization']],
    deprecated: { warmupDurationSecs: 'use warmup.duration' },
  },
);

export const clientTls = object('TLS towards the service.', {
  caCertificates: string('File with the certificates of trusted issuers; default those of the system.'),
  caCrl: string('File with revoked certificates.'),
  clientCertificate: string('File with the certificate of the client.'),
  credentialName: string('Secret with certificates and key; for gateways, and sidecars selected by workloadSelector.'),
  insecureSkipVerify: boolean('Whether the certificate of the server goes unchecked.', { nullable: true }),
  mode: oneOf('Kind of TLS.', ['DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL']),
  privateKey: string('File with the key of the client.'),
  sni: string('Name to ask the server for.'),
  subjectAltNames: array('Names of which the certificate of the server must hold one.', string('Name.')),
});

const parts = { connectionPool, loadBalancer, outlierDetection, tls: clientTls };

export const portTrafficPolicy = object('Policy of one port; replaces the blocks it sets.', {
  ...parts,
  port: object('Port of the service.', { number: uint32('Number of the port.') }),
});

export const trafficPolicy = object('How clients treat the service.', {
  ...parts,
  portLevelSettings: array('Policies of single ports.', portTrafficPolicy, { maxItems: 4096 }),
  proxyProtocol: object('PROXY protocol towards the service.', { version: oneOf('Version.', ['V1', 'V2']) }),
  retryBudget: object('Limit of retries relative to requests.', {
    budgetInterval: duration('Time over which requests are counted.', { orZero: true }),
    minRetryConcurrency: uint32('Retries that are always allowed, default 3.'),
    percent: double('Share of requests that may be retries, default 20.', { minimum: 0, maximum: 100, nullable: true }),
  }),
  tunnel: object(
    'Tunnels connections through a proxy.',
    {
      protocol: string('CONNECT (default) or POST.'),
      targetHost: string('Where the tunnel ends.'),
      targetPort: uint32('Port at which the tunnel ends.'),
    },
    { required: ['targetHost', 'targetPort'] },
  ),
});

export type ConnectionPool = TypeOf<typeof connectionPool>;
export type OutlierDetection = TypeOf<typeof outlierDetection>;
export type LoadBalancer = TypeOf<typeof loadBalancer>;
export type ClientTls = TypeOf<typeof clientTls>;
export type PortTrafficPolicy = TypeOf<typeof portTrafficPolicy>;
export type TrafficPolicy = TypeOf<typeof trafficPolicy>;
