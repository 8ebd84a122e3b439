// IngressGateway: hosts and ports at the edge of the mesh, served by the proxies that its selector names.
import type { Construct } from 'constructs';
import type { GatewayServer, GatewaySpec } from '#api/gateway.ts';
import { Label } from '#api/names.ts';
import { MeshConstruct } from '../workload/mesh-construct.ts';
import { namespaceOf, Resource } from '../workload/resource.ts';

/** TLS at the gateway; the certificate is a Secret in the namespace of the gateway's pods. */
export interface GatewayTls {
  /** Name of the Secret. Not needed for PASSTHROUGH. */
  readonly credentialName?: string | undefined;
  /** @default 'SIMPLE' */
  readonly mode?: 'SIMPLE' | 'MUTUAL' | 'OPTIONAL_MUTUAL' | 'PASSTHROUGH' | undefined;
}

export interface IngressGatewayProps {
  /** Hosts that are served; `*` for all. */
  readonly hosts: readonly [string, ...string[]];
  /** Port of the gateway's Service. @default 443 with TLS, else 80 */
  readonly port?: number | undefined;
  /** @default plain HTTP */
  readonly tls?: GatewayTls | undefined;
  /** Answer plain HTTP on port 80 with a redirect to HTTPS; needs `tls`. @default false */
  readonly httpsRedirect?: boolean | undefined;
  /** @default the id of the construct */
  readonly name?: string | undefined;
  /** Labels of the gateway's pods. @default { istio: 'ingressgateway' } */
  readonly selector?: Readonly<Record<string, string>> | undefined;
}

/**
 * @example new IngressGateway(this, 'bookinfo-gateway', { hosts: ['*'] });
 * @see https://istio.io/latest/docs/reference/config/networking/gateway/
 */
export class IngressGateway extends MeshConstruct {
  readonly name: string;
  readonly namespace: string;
  readonly hosts: readonly string[];

  constructor(scope: Construct, id: string, props: IngressGatewayProps) {
    super(scope, id);
    this.name = props.name ?? id;
    this.namespace = namespaceOf(this);
    this.hosts = props.hosts;
    const spec: GatewaySpec = {
      selector: props.selector ?? { [Label.istio]: 'ingressgateway' },
      servers: serversOf(this.node.path, props),
    };
    new Resource(this, 'gateway', {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      name: this.name,
      body: { spec },
    });
  }

  /** How a VirtualService in the namespace names the gateway. */
  nameIn(namespace: string): string {
    return namespace === this.namespace ? this.name : `${this.namespace}/${this.name}`;
  }
}

function serversOf(path: string, { tls, port, hosts, httpsRedirect }: IngressGatewayProps): GatewayServer[] {
  if (!tls) {
    if (httpsRedirect) throw new Error(`IngressGateway "${path}": httpsRedirect needs tls; set tls, or leave it out`);
    return [{ port: { number: port ?? 80, name: 'http', protocol: 'HTTP' }, hosts }];
  }
  const mode = tls.mode ?? 'SIMPLE';
  if (mode !== 'PASSTHROUGH' && tls.credentialName === undefined) {
    throw new Error(`IngressGateway "${path}": tls with mode ${mode} needs credentialName, the name of the Secret`);
  }
  const passthrough = mode === 'PASSTHROUGH';
  const secure: GatewayServer = {
    port: { number: port ?? 443, name: passthrough ? 'tls' : 'https', protocol: passthrough ? 'TLS' : 'HTTPS' },
    hosts,
    tls: { mode, ...(tls.credentialName === undefined ? {} : { credentialName: tls.credentialName }) },
  };
  if (!httpsRedirect) return [secure];
  return [secure, { port: { number: 80, name: 'http', protocol: 'HTTP' }, hosts, tls: { httpsRedirect: true } }];
}
