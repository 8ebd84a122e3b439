// Gateway: the ports at which a gateway listens, for which hosts, with which TLS.
import { array, map, object, string, type TypeOf, uint32 } from './schema.ts';
import { serverTls } from './server-tls.ts';

const server = object(
  'A port of the gateway.',
  {
    bind: string('Address or `unix://` path to listen on; default all addresses.'),
    defaultEndpoint: string('Not supported.'),
    hosts: array('Hosts that are served.', string('`[<namespace>/]<host>`; the host may begin with `*`.')),
    name: string('Name of the server.'),
    port: object(
      'The port.',
      {
        name: string('Name of the port, unique within the resource.'),
        number: uint32('Number of the port of the Service.'),
        protocol: string('HTTP, HTTPS, HTTP2, GRPC, GRPC-WEB, MONGO, TCP or TLS.'),
        targetPort: uint32('No effect.'),
      },
      { required: ['number', 'protocol', 'name'] },
    ),
    tls: serverTls,
  },
  { required: ['port', 'hosts'] },
);

export const gatewaySpec = object('A load balancer at the edge of the mesh.', {
  selector: map('Labels of the proxies that it configures, in all namespaces.', string('Value of the label.')),
  servers: array('Ports and hosts.', server),
});

export type GatewaySpec = TypeOf<typeof gatewaySpec>;
export type GatewayServer = TypeOf<typeof server>;
export type { ServerTls } from './server-tls.ts';
