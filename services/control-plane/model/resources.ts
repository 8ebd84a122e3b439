// What ingest hands to the model: everything that was read, as Kubernetes writes it, in no order that means anything.
import type { AuthorizationPolicySpec } from '#api/authorization-policy.ts';
import type { DestinationRuleSpec } from '#api/destination-rule.ts';
import type { GatewaySpec } from '#api/gateway.ts';
import type { PeerAuthenticationSpec } from '#api/peer-authentication.ts';
import type { VirtualServiceSpec } from '#api/virtual-service.ts';

export interface Meta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly creationTimestamp?: string | undefined;
  readonly deletionTimestamp?: string | undefined;
}

export interface Resource<S> {
  readonly metadata: Meta;
  readonly spec: S;
}

export interface ServiceSpec {
  readonly type?: string | undefined;
  readonly clusterIP?: string | undefined;
  readonly externalName?: string | undefined;
  readonly selector?: Readonly<Record<string, string>> | undefined;
  readonly ports?: readonly ServicePortSpec[] | undefined;
  readonly publishNotReadyAddresses?: boolean | undefined;
}

export interface ServicePortSpec {
  readonly name?: string | undefined;
  readonly port: number;
  readonly targetPort?: number | string | undefined;
  readonly protocol?: string | undefined;
  readonly appProtocol?: string | undefined;
}

export interface EndpointSliceResource {
  readonly metadata: Meta;
  readonly addressType?: string | undefined;
  readonly endpoints?:
    | readonly {
        readonly addresses: readonly string[];
        readonly conditions?:
          | { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }
          | undefined;
        readonly targetRef?:
          | { readonly kind?: string; readonly name?: string; readonly namespace?: string }
          | undefined;
        readonly nodeName?: string | undefined;
        readonly zone?: string | undefined;
      }[]
    | undefined;
  readonly ports?:
    | readonly {
        readonly name?: string | undefined;
        readonly port?: number | undefined;
        readonly protocol?: string | undefined;
      }[]
    | undefined;
}

export interface PodResource {
  readonly metadata: Meta;
  readonly spec: {
    readonly serviceAccountName?: string | undefined;
    readonly nodeName?: string | undefined;
    readonly hostNetwork?: boolean | undefined;
    readonly containers?:
      | readonly {
          readonly ports?:
            | readonly { readonly name?: string; readonly containerPort: number; readonly protocol?: string }[]
            | undefined;
        }[]
      | undefined;
  };
  readonly status?: { readonly podIP?: string | undefined; readonly phase?: string | undefined } | undefined;
}

/** A Secret of type TLS for a gateway's `credentialName`: PEM texts. */
export interface CredentialResource {
  readonly namespace: string;
  readonly name: string;
  readonly certificateChain: string;
  readonly privateKey: string;
  readonly ca?: string | undefined;
}

/** The part of MeshConfig that the model reads. */
export interface MeshSettings {
  /** @default 'istio-system' */
  readonly rootNamespace: string;
  /** @default 'cluster.local' */
  readonly trustDomain: string;
  /** @default 'cluster.local' */
  readonly domainSuffix: string;
  /** @default 'ALLOW_ANY' */
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY';
  /** @default true */
  readonly enableAutoMtls: boolean;
  /** Path of the access log; '' for none. @default '' */
  readonly accessLogFile: string;
  /** @default 10 */
  readonly connectTimeoutSeconds: number;
}

export const defaultMeshSettings: MeshSettings = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  domainSuffix: 'cluster.local',
  outboundTrafficPolicy: 'ALLOW_ANY',
  enableAutoMtls: true,
  accessLogFile: '',
  connectTimeoutSeconds: 10,
};

export interface Resources {
  readonly mesh: MeshSettings;
  readonly services: readonly Resource<ServiceSpec>[];
  readonly endpointSlices: readonly EndpointSliceResource[];
  readonly pods: readonly PodResource[];
  readonly virtualServices: readonly Resource<VirtualServiceSpec>[];
  readonly destinationRules: readonly Resource<DestinationRuleSpec>[];
  readonly gateways: readonly Resource<GatewaySpec>[];
  readonly peerAuthentications: readonly Resource<PeerAuthenticationSpec>[];
  /** @default [] */
  readonly authorizationPolicies?: readonly Resource<AuthorizationPolicySpec>[] | undefined;
  readonly credentials: readonly CredentialResource[];
}
