// The public API of Rigging: what a program imports.
export { Prometheus, type PrometheusProps } from '../addons/index.ts';
export { Chart } from './chart.ts';
export {
  type Environment,
  EnvironmentError,
  environmentSchema,
  testEnvironment,
  toEnvironment,
  tryBuiltInEnvironment,
} from './environment.ts';
export { IngressGateway, type IngressGatewayProps, type GatewayTls } from './gateways/ingress-gateway.ts';
export { IngressRoute, type IngressRouteProps } from './gateways/ingress-route.ts';
export {
  identityOf,
  type Manifest,
  manifestPath,
  objectsOf,
  type SynthesisedObject,
  SynthesisError,
  toManifestFiles,
} from './manifests.ts';
export { ControlPlane } from './mesh/control-plane.ts';
export { GatewayDeployment, type GatewayDeploymentProps } from './mesh/gateway-deployment.ts';
export { defaultMeshSettings, type MeshSettings, type Resources } from './mesh/mesh-settings.ts';
export { SidecarInjector } from './mesh/sidecar-injector.ts';
export { Platform } from './platform.ts';
export { type Provenance, toProvenance } from './provenance.ts';
export { AllowAccess, type AccessProps, DenyAccess } from './security/access.ts';
export type { Caller } from './security/callers.ts';
export { EgressAllow, type EgressAllowProps, type EgressPort } from './security/egress-allow.ts';
export { MeshMtls, type MeshMtlsProps } from './security/mesh-mtls.ts';
export type { AdditionProps } from './traffic/addition-props.ts';
export { CanaryRelease, type CanaryReleaseProps } from './traffic/canary-release.ts';
export { FaultInjection, type FaultInjectionProps } from './traffic/fault-injection.ts';
export { HeaderRoute, type HeaderRouteProps } from './traffic/header-route.ts';
export type { RequestMatch, ValueMatch } from './traffic/match.ts';
export {
  type ConnectionLimits,
  type EjectionProps,
  Resilience,
  type ResilienceProps,
  type RetryProps,
} from './traffic/resilience.ts';
export type { RouteProps } from './traffic/route-props.ts';
export { TrafficMirror, type TrafficMirrorProps } from './traffic/traffic-mirror.ts';
export { TrafficSplit, type TrafficSplitProps } from './traffic/traffic-split.ts';
export { VersionRoute, type VersionRouteProps } from './traffic/version-route.ts';
export { MeshNamespace, type MeshNamespaceProps } from './workload/mesh-namespace.ts';
export {
  type ExistingServiceProps,
  MeshService,
  type MeshServiceProps,
  ServiceReference,
  type VersionProps,
} from './workload/mesh-service.ts';
export type { SourceLocation } from './workload/provenance.ts';
export type { PortProps, PortProtocol, PortsInput } from './workload/service-ports.ts';
