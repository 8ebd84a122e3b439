// EgressAllow: hosts outside the mesh that may be called, with their ports, as one object.
import type { Construct } from 'constructs';
import type { ServiceEntrySpec } from '#api/service-entry.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { namespaceOf, Resource } from '../workload/resource.ts';

export interface EgressPort {
  readonly port: number;
  readonly protocol: 'HTTP' | 'HTTPS' | 'TLS' | 'TCP' | 'GRPC' | 'HTTP2';
}

export interface EgressAllowProps {
  /** Host names; `*.example.com` for all below one. */
  readonly hosts: readonly [string, ...string[]];
  /** @default HTTPS on 443 */
  readonly ports?: readonly [EgressPort, ...EgressPort[]] | undefined;
  /** Namespaces whose workloads may call: `.` for the chart's own, `*` for all. @default ['.'] */
  readonly exportTo?: readonly string[] | undefined;
}

/**
 * @example new EgressAllow(this, 'payments', { hosts: ['api.payments.example'] });
 * @see https://istio.io/latest/docs/reference/config/networking/service-entry/
 */
export class EgressAllow extends MeshConstruct {
  constructor(scope: Construct, id: string, props: EgressAllowProps) {
    super(scope, id);
    const ports = props.ports ?? [{ port: 443, protocol: 'HTTPS' as const }];
    const wildcard = props.hosts.some((host) => host.startsWith('*'));
    const spec: ServiceEntrySpec = {
      hosts: [...props.hosts].sort(),
      location: 'MESH_EXTERNAL',
      // A name with a wildcard cannot be looked up: the address is that of the connection.
      resolution: wildcard ? 'NONE' : 'DNS',
      ports: ports.map(({ port, protocol }) => ({ number: port, name: `${protocol.toLowerCase()}-${port}`, protocol })),
      exportTo: props.exportTo ?? ['.'],
    };
    new Resource(this, 'entry', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'ServiceEntry',
      name: id,
      namespace: namespaceOf(this),
      body: { spec },
    });
  }
}
