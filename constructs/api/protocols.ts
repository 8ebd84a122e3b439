// Protocol names of ports, as Istio reads them (without regard to case).

/** What a port's protocol means for its listener. */
export type ProtocolClass = 'http' | 'tls' | 'tcp' | 'udp';

const CLASSES: Readonly<Record<string, ProtocolClass>> = {
  HTTP: 'http',
  HTTP2: 'http',
  GRPC: 'http',
  'GRPC-WEB': 'http',
  HTTP_PROXY: 'http',
  HTTPS: 'tls',
  TLS: 'tls',
  TCP: 'tcp',
  MONGO: 'tcp',
  REDIS: 'tcp',
  MYSQL: 'tcp',
  HBONE: 'tcp',
  DOUBLE_HBONE: 'tcp',
  UDP: 'udp',
};

/** Names that users are told. */
export const PROTOCOLS: readonly string[] = [
  'HTTP',
  'HTTPS',
  'HTTP2',
  'GRPC',
  'GRPC-WEB',
  'MONGO',
  'REDIS',
  'MYSQL',
  'TCP',
  'TLS',
];

/** undefined where the protocol is not known. */
export const protocolClass = (protocol: string): ProtocolClass | undefined => {
  const name = protocol.toUpperCase();
  return Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
};
