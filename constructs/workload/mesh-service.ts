// MeshService: a Service, its ServiceAccount, and a Deployment for each version. Routes and policies refer to it by object.
import { ApiObject, Duration } from 'cdk8s';
import {
  type Container,
  type Deployment,
  EnvValue,
  type IServiceAccount,
  LabelSelector,
  Probe,
  Protocol,
  Service,
  ServiceAccount,
} from 'cdk8s-plus-28';
import type { Construct } from 'constructs';
import { Label, serviceHostname } from '#api/names.ts';
import { MeshConstruct } from './mesh-construct.ts';
import { neutralContainerProps, neutralDeployment, neutralService, neutralServiceAccount } from './neutral.ts';
import { annotateWith, namespaceOf } from './resource.ts';
import { type PortsInput, type ServicePort, toServicePorts } from './service-ports.ts';

/** Short, so that a pod that failed its first probe is not out for another ten seconds. */
const READINESS_PERIOD = Duration.seconds(2);

/** How a version runs. */
export interface VersionProps {
  /** Image with tag or digest. */
  readonly image: string;
  /** @default 1 */
  readonly replicas?: number | undefined;
  /** Plain variables. For secrets use `deployment(version)` and cdk8s-plus. @default {} */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** @default the command of the image */
  readonly command?: readonly string[] | undefined;
  /** @default the arguments of the image */
  readonly args?: readonly string[] | undefined;
}

export interface MeshServiceProps<Version extends string> {
  /** Port of the Service and the container, or several by name. */
  readonly port: PortsInput;
  /** Versions by name: an image, or more. The names are the only ones that routes may send traffic to. */
  readonly versions: Readonly<Record<Version, string | VersionProps>>;
  /** @default the id of the construct */
  readonly name?: string | undefined;
  /** Name of the ServiceAccount, hence of the identity. @default the name of the service */
  readonly serviceAccount?: string | undefined;
  /** Path of the HTTP readiness probe; `false` for none. @default a TCP probe on the first port */
  readonly readiness?: string | false | undefined;
}

export interface ExistingServiceProps<Version extends string> {
  readonly port: PortsInput;
  /** Versions that run already, told apart by label `version`. @default [] */
  readonly versions?: readonly Version[] | undefined;
  /** @default the id of the construct */
  readonly name?: string | undefined;
  /** @default the namespace of the chart */
  readonly namespace?: string | undefined;
  /** @default the name of the service */
  readonly serviceAccount?: string | undefined;
}

/** What routes and policies need to know of a service; MeshService and MeshService.existing make it. */
export abstract class ServiceReference<out Version extends string = string> extends MeshConstruct {
  /** Name of the Service. */
  readonly serviceName: string;
  readonly namespace: string;
  readonly ports: readonly [ServicePort, ...ServicePort[]];
  readonly versions: readonly Version[];
  readonly serviceAccountName: string;

  constructor(
    scope: Construct,
    id: string,
    facts: {
      readonly name: string;
      readonly namespace: string;
      readonly port: PortsInput;
      readonly versions: readonly Version[];
      readonly serviceAccount: string;
    },
  ) {
    super(scope, id);
    this.serviceName = facts.name;
    this.namespace = facts.namespace;
    this.ports = toServicePorts(facts.port, `service "${facts.name}"`);
    this.versions = [...facts.versions].sort();
    this.serviceAccountName = facts.serviceAccount;
  }

  /** `reviews.default.svc.cluster.local` */
  get hostname(): string {
    return serviceHostname(this.serviceName, this.namespace);
  }

  /** Labels that every pod of the service has. */
  get selector(): Readonly<Record<string, string>> {
    return { [Label.app]: this.serviceName };
  }
}

class ExistingService<Version extends string> extends ServiceReference<Version> {}

export class MeshService<Version extends string = string> extends ServiceReference<Version> {
  readonly service: Service;
  readonly serviceAccount: ServiceAccount;
  private readonly deployments = new Map<string, Deployment>();

  /** A service that is not declared here: routes can be, for the versions that are named. Emits nothing by itself. */
  static existing<const Version extends string = never>(
    scope: Construct,
    id: string,
    props: ExistingServiceProps<Version>,
  ): ServiceReference<Version> {
    const name = props.name ?? id;
    return new ExistingService<Version>(scope, id, {
      name,
      namespace: props.namespace ?? namespaceOf(scope),
      port: props.port,
      versions: props.versions ?? [],
      serviceAccount: props.serviceAccount ?? name,
    });
  }

  constructor(scope: Construct, id: string, props: MeshServiceProps<Version>) {
    const name = props.name ?? id;
    const serviceAccount = props.serviceAccount ?? name;
    const versions = Object.keys(props.versions).sort() as Version[];
    super(scope, id, { name, namespace: namespaceOf(scope), port: props.port, versions, serviceAccount });
    if (versions.length === 0) throw new Error(`service "${name}": versions is empty; give at least one version`);
    const labels = { [Label.app]: name, [Label.appName]: name };
    this.serviceAccount = new ServiceAccount(this, 'account', {
      metadata: { name: serviceAccount, labels },
      automountToken: true,
    });
    neutralServiceAccount(this.serviceAccount);
    this.service = new Service(this, 'service', {
      metadata: { name, labels: { ...labels, service: name } },
      ports: this.ports.map(({ name: portName, port, targetPort }) => ({ name: portName, port, targetPort })),
    });
    this.service.selectLabel(Label.app, name);
    neutralService(this.service);
    for (const object of [this.serviceAccount, this.service]) annotateWith(ApiObject.of(object), this);
    for (const version of versions) this.addVersion(version, props.versions[version], props.readiness);
  }

  /** The Deployment of a version, for everything that cdk8s-plus offers: mounts, scheduling, env from secrets. */
  deployment(version: Version): Deployment {
    const found = this.deployments.get(version);
    if (!found) throw new Error(`BUG: service "${this.serviceName}" has no version "${version}"`);
    return found;
  }

  /** The app's container of a version. */
  container(version: Version): Container {
    return this.deployment(version).containers[0]!;
  }

  private addVersion(version: Version, given: string | VersionProps, readiness: string | false | undefined): void {
    if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(version)) {
      throw new Error(
        `service "${this.serviceName}": version "${version}" cannot be part of a name; use lower-case letters, digits and "-"`,
      );
    }
    const props: VersionProps = typeof given === 'string' ? { image: given } : given;
    const select = { [Label.app]: this.serviceName, [Label.version]: version };
    const labels = { ...select, [Label.appName]: this.serviceName, [Label.appVersion]: version };
    const env = Object.entries(props.env ?? {}).map(([key, value]) => [key, EnvValue.fromValue(value)] as const);
    const deployment = neutralDeployment(this, version, {
      metadata: { name: `${this.serviceName}-${version}`, labels },
      podMetadata: { labels },
      replicas: props.replicas ?? 1,
      // cdk8s-plus declares optional members without `| undefined`.
      serviceAccount: this.serviceAccount as IServiceAccount,
      containers: [
        {
          ...neutralContainerProps,
          name: this.serviceName,
          image: props.image,
          ports: this.ports.map(({ name, targetPort }) => ({ number: targetPort, name, protocol: Protocol.TCP })),
          ...(props.command ? { command: [...props.command] } : {}),
          ...(props.args ? { args: [...props.args] } : {}),
          ...(env.length > 0 ? { envVariables: Object.fromEntries(env) } : {}),
          ...this.readinessOf(readiness),
        },
      ],
    });
    deployment.select(LabelSelector.of({ labels: select }));
    annotateWith(ApiObject.of(deployment), this);
    this.deployments.set(version, deployment);
  }

  private readinessOf(readiness: string | false | undefined) {
    if (readiness === false) return {};
    const options = { port: this.ports[0].targetPort, periodSeconds: READINESS_PERIOD };
    return {
      readiness: readiness === undefined ? Probe.fromTcpSocket(options) : Probe.fromHttpGet(readiness, options),
    };
  }
}
