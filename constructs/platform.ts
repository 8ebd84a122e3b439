// Platform: a cdk8s App that holds the mesh for one environment; the program adds its charts. Reads no file.
import { App, Chart } from 'cdk8s';
import { Prometheus } from '../addons/index.ts';
import { type Environment, toEnvironment } from './environment.ts';
import { ApiDefinitions } from './mesh/api-definitions.ts';
import { ControlPlane } from './mesh/control-plane.ts';
import { GatewayDeployment } from './mesh/gateway-deployment.ts';
import { defaultMeshSettings, type MeshSettings, meshNamespace } from './mesh/mesh-settings.ts';
import { SidecarInjector } from './mesh/sidecar-injector.ts';
import { type Manifest, objectsOf, type SynthesisedObject, toManifestFiles } from './manifests.ts';
import { Resource } from './workload/resource.ts';

export class Platform extends App {
  readonly env: Environment;
  readonly settings: MeshSettings;

  /** @param env checked here: an unknown or ill-typed key is an error with its path and the nearest valid name */
  constructor(env: Environment) {
    super({ outdir: 'dist' });
    this.env = toEnvironment(env);
    this.settings = settingsOf(this.env);
    const base = new Chart(this, 'istio-base', { disableResourceNameHashes: true });
    new ApiDefinitions(base, 'apis');
    const system = new Chart(this, 'istio-system', { disableResourceNameHashes: true });
    new Resource(system, 'namespace', {
      apiVersion: 'v1',
      kind: 'Namespace',
      name: meshNamespace,
      clusterScoped: true,
    });
    new ControlPlane(system, 'istiod', this.settings);
    new SidecarInjector(system, 'injector', this.settings);
    if (this.env.addons?.prometheus) addPrometheus(this);
    const profile = this.env.profile ?? 'default';
    if (profile === 'minimal') return;
    const gateways = new Chart(this, 'istio-gateways', { disableResourceNameHashes: true });
    new GatewayDeployment(gateways, 'ingress', { settings: this.settings, direction: 'ingress' });
    if (this.env.egressGateway ?? profile === 'demo')
      new GatewayDeployment(gateways, 'egress', { settings: this.settings, direction: 'egress' });
  }

  /** Every object with its construct, in the order in which to apply: definitions, namespaces, rights, control plane, the rest. */
  synthesise(): readonly SynthesisedObject[] {
    return objectsOf(this);
  }

  /** The objects alone, in the order in which to apply. */
  objects(): readonly Manifest[] {
    return this.synthesise().map((each) => each.manifest);
  }

  /** Files by path below `manifests/<environment>/`, sorted; the same bytes for the same program and environment. */
  manifests(): ReadonlyMap<string, string> {
    return toManifestFiles(this.synthesise());
  }
}

function addPrometheus(platform: Platform): void {
  if (platform.env.cluster.kind === 'local') {
    throw new Error(
      'addons.prometheus: the embedded cluster runs the Prometheus of the machine, and that of Debian is built without ' +
        'discovery of pods; leave it out, or use a cluster of kind or existing',
    );
  }
  new Prometheus(new Chart(platform, 'prometheus', { disableResourceNameHashes: true }), 'prometheus');
}

/** The profile's settings, then the environment's. */
function settingsOf({ profile, registry, tag, mesh = {} }: Environment): MeshSettings {
  const demo = profile === 'demo';
  const small = { requests: { cpu: '10m', memory: '40Mi' } };
  const base: MeshSettings = demo
    ? {
        ...defaultMeshSettings,
        accessLogFile: '/dev/stdout',
        traceSampling: 100,
        proxyResources: small,
        controlPlaneResources: { requests: { cpu: '10m', memory: '100Mi' } },
      }
    : defaultMeshSettings;
  return {
    registry: registry ?? base.registry,
    tag: tag ?? base.tag,
    trustDomain: mesh.trustDomain ?? base.trustDomain,
    clusterId: mesh.clusterId ?? base.clusterId,
    accessLogFile: mesh.accessLog === undefined ? base.accessLogFile : mesh.accessLog ? '/dev/stdout' : '',
    proxyResources: mesh.proxyResources ?? base.proxyResources,
    controlPlaneResources: mesh.controlPlaneResources ?? base.controlPlaneResources,
    traceSampling: mesh.traceSampling ?? base.traceSampling,
    meshConfig: mesh.config ?? base.meshConfig,
  };
}
