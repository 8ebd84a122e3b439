// Ports of a service: one number, or several by name. The name (or its prefix before `-`) tells the mesh the protocol.

/** Protocols of Istio; `http` unless said otherwise. */
export type PortProtocol = 'http' | 'http2' | 'grpc' | 'https' | 'tls' | 'tcp';

export interface PortProps {
  /** Port of the Service. */
  readonly port: number;
  /** Port of the container. @default the port of the Service */
  readonly targetPort?: number | undefined;
  /** @default 'http' */
  readonly protocol?: PortProtocol | undefined;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: number;
  readonly protocol: PortProtocol;
}

/** Ports by name; the first is the main one. A bare number is one HTTP port named `http`. */
export type PortsInput = number | Readonly<Record<string, PortProps>>;

export function toServicePorts(input: PortsInput, owner: string): readonly [ServicePort, ...ServicePort[]] {
  if (typeof input === 'number')
    return [checked({ name: 'http', port: input, targetPort: input, protocol: 'http' }, owner)];
  const ports = Object.entries(input).map(([id, { port, targetPort, protocol = 'http' }]) =>
    checked({ name: nameOf(id, protocol), port, targetPort: targetPort ?? port, protocol }, owner),
  );
  const [first, ...rest] = ports;
  if (!first) throw new Error(`${owner}: ports is empty; give at least one port`);
  return [first, ...rest];
}

/** `admin` speaking http is written `http-admin`: the mesh reads the protocol off the name. */
const nameOf = (id: string, protocol: PortProtocol): string =>
  id === protocol || id.startsWith(`${protocol}-`) ? id : `${protocol}-${id}`;

function checked(port: ServicePort, owner: string): ServicePort {
  for (const number of [port.port, port.targetPort]) {
    if (!Number.isInteger(number) || number < 1 || number > 65535) {
      throw new Error(`${owner}: port ${number} is out of range; ports are 1 to 65535`);
    }
  }
  return port;
}

/** Whether routes for HTTP apply to the port. */
export const isHttpPort = (port: ServicePort): boolean =>
  port.protocol === 'http' || port.protocol === 'http2' || port.protocol === 'grpc';
