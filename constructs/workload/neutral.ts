// cdk8s-plus with its opinions switched off: what it writes although nobody asked is taken out again, where it still has its default value.
import { ApiObject } from 'cdk8s';
import { type ContainerProps, Deployment, type DeploymentProps, ImagePullPolicy } from 'cdk8s-plus-28';
import type { Construct, IConstruct } from 'constructs';

type Json = Record<string, unknown>;

/** Defaults that cdk8s-plus writes and that Kubernetes has anyway, or that harm: value by path. */
const podDefaults: Readonly<Record<string, unknown>> = {
  dnsPolicy: 'ClusterFirst',
  hostNetwork: false,
  restartPolicy: 'Always',
  setHostnameAsFQDN: false,
  terminationGracePeriodSeconds: 30,
};
const deploymentDefaults: Readonly<Record<string, unknown>> = { minReadySeconds: 0, progressDeadlineSeconds: 600 };
/** Pod label by which cdk8s-plus selects: a hash, and a second selector that nobody asked for. */
const ADDRESS_LABEL = 'cdk8s.io/metadata.addr';

/** A Deployment that selects by the labels given and leaves the rest to Kubernetes. */
export function neutralDeployment(scope: Construct, id: string, props: DeploymentProps): Deployment {
  const deployment = new Deployment(scope, id, {
    automountServiceAccountToken: true,
    select: false,
    securityContext: { ensureNonRoot: false },
    ...props,
  });
  rewrite(deployment, (object) => {
    const spec = object['spec'] as Json;
    dropDefaults(spec, deploymentDefaults);
    if (isEqual(spec['strategy'], { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' }, type: 'RollingUpdate' }))
      delete spec['strategy'];
    const template = spec['template'] as Json;
    const labels = (template['metadata'] as Json | undefined)?.['labels'] as Json | undefined;
    if (labels) delete labels[ADDRESS_LABEL];
    const pod = template['spec'] as Json;
    dropDefaults(pod, podDefaults);
    if (pod['automountServiceAccountToken'] === true) delete pod['automountServiceAccountToken'];
    if (isEqual(pod['securityContext'], { fsGroupChangePolicy: 'Always', runAsNonRoot: false }))
      delete pod['securityContext'];
    for (const container of [...list(pod['containers']), ...list(pod['initContainers'])]) neutralContainer(container);
  });
  return deployment;
}

/** Props of a container without limits, forced security settings and start-up probe. */
export const neutralContainerProps: Pick<ContainerProps, 'resources' | 'securityContext' | 'imagePullPolicy'> = {
  resources: {},
  securityContext: { ensureNonRoot: false, readOnlyRootFilesystem: false, allowPrivilegeEscalation: true },
  imagePullPolicy: ImagePullPolicy.IF_NOT_PRESENT,
};

function neutralContainer(container: Json): void {
  const security = container['securityContext'];
  const untouched = {
    allowPrivilegeEscalation: true,
    privileged: false,
    readOnlyRootFilesystem: false,
    runAsNonRoot: false,
  };
  if (isEqual(security, untouched)) delete container['securityContext'];
}

/** Takes the empty list of external addresses off a Service. */
export function neutralService(service: IConstruct): void {
  rewrite(service, (object) => {
    const spec = object['spec'] as Json;
    if (isEqual(spec['externalIPs'], [])) delete spec['externalIPs'];
    if (spec['type'] === 'ClusterIP') delete spec['type'];
  });
}

/** Takes `automountServiceAccountToken: true`, the default, off a ServiceAccount. */
export function neutralServiceAccount(account: IConstruct): void {
  rewrite(account, (object) => {
    if (object['automountServiceAccountToken'] === true) delete object['automountServiceAccountToken'];
  });
}

/** Changes what an object synthesises to, in every way of synthesising. */
function rewrite(construct: IConstruct, change: (object: Json) => void): void {
  const object = ApiObject.of(construct);
  const original = object.toJson.bind(object);
  object.toJson = (): Json => {
    const json = original() as Json;
    change(json);
    return json;
  };
}

function dropDefaults(target: Json, defaults: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(defaults)) if (target[key] === value) delete target[key];
}

const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** Equality of JSON values with sorted keys, which is what cdk8s writes. */
const isEqual = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);
