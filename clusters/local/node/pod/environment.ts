// The environment of a container: image, service links, envFrom, env, with $(VAR) expansion, in the kubelet's order.
// @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
import type { ConfigMap, Container, Pod, Secret, Service } from '../pod-types.ts';
import { findField, findResource, type NodeCapacity, type PodAddresses } from './fields.ts';

/** A reference that cannot be resolved: the container waits with reason CreateContainerConfigError. */
export class ConfigError extends Error {}

/** Where references lead; undefined means the object does not exist. */
export interface ConfigSource {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
}

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly addresses: PodAddresses;
  readonly node: NodeCapacity;
  /** Services of the pod's namespace, and `kubernetes` of `default`. */
  readonly services: readonly Service[];
  readonly imageEnv: Readonly<Record<string, string>>;
  readonly source: ConfigSource;
}

/**
 * Replaces `$(NAME)` by its value; `$$(NAME)` is an escaped reference, an unknown name stays as it is.
 * @see https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go
 */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) =>
    whole === '$$' ? '$' : (lookup(name ?? '') ?? whole),
  );
}

/** Variables that name the services of a namespace. */
export function toServiceVariables(services: readonly Service[]): Map<string, string> {
  const result = new Map<string, string>();
  for (const service of services) {
    const ip = service.spec?.clusterIP;
    const ports = service.spec?.ports ?? [];
    const first = ports[0];
    if (ip === undefined || ip === '' || ip === 'None' || first === undefined) continue;
    const prefix = service.metadata.name.toUpperCase().replaceAll('-', '_');
    result.set(`${prefix}_SERVICE_HOST`, ip);
    result.set(`${prefix}_SERVICE_PORT`, String(first.port));
    for (const port of ports) {
      if (port.name)
        result.set(`${prefix}_SERVICE_PORT_${port.name.toUpperCase().replaceAll('-', '_')}`, String(port.port));
    }
    const url = (port: { protocol?: string; port: number }): string =>
      `${(port.protocol ?? 'TCP').toLowerCase()}://${ip}:${port.port}`;
    result.set(`${prefix}_PORT`, url(first));
    for (const port of ports) {
      const name = `${prefix}_PORT_${port.port}_${(port.protocol ?? 'TCP').toUpperCase()}`;
      result.set(name, url(port));
      result.set(`${name}_PROTO`, (port.protocol ?? 'TCP').toLowerCase());
      result.set(`${name}_PORT`, String(port.port));
      result.set(`${name}_ADDR`, ip);
    }
  }
  return result;
}

const decode = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

/** All variables of a container, in order; throws ConfigError with the kubelet's words. */
export async function resolveEnvironment(input: EnvironmentInput): Promise<Map<string, string>> {
  const { pod, container, source } = input;
  const namespace = pod.metadata.namespace ?? 'default';
  const links = pod.spec.enableServiceLinks === false ? input.services.filter(isKubernetesService) : input.services;
  const result = new Map<string, string>([...Object.entries(input.imageEnv), ...toServiceVariables(links)]);

  for (const from of container.envFrom ?? []) {
    const add = (key: string, value: string): void => void result.set(`${from.prefix ?? ''}${key}`, value);
    if (from.configMapRef !== undefined) {
      const name = from.configMapRef.name ?? '';
      const map = await source.configMap(namespace, name);
      if (map === undefined && from.configMapRef.optional !== true)
        throw new ConfigError(`configmap "${name}" not found`);
      for (const [key, value] of Object.entries(map?.data ?? {})) add(key, value);
    }
    if (from.secretRef !== undefined) {
      const name = from.secretRef.name ?? '';
      const secret = await source.secret(namespace, name);
      if (secret === undefined && from.secretRef.optional !== true) throw new ConfigError(`secret "${name}" not found`);
      for (const [key, value] of Object.entries(secret?.data ?? {})) add(key, decode(value));
    }
  }

  for (const variable of container.env ?? []) {
    const value =
      variable.valueFrom === undefined
        ? expandVariables(variable.value ?? '', (name) => result.get(name))
        : await resolveReference(variable.valueFrom, input, namespace);
    if (value !== undefined) result.set(variable.name, value);
  }
  return result;
}

const isKubernetesService = (service: Service): boolean =>
  service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes';

type ValueFrom = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

async function resolveReference(
  from: ValueFrom,
  input: EnvironmentInput,
  namespace: string,
): Promise<string | undefined> {
  if (from.fieldRef !== undefined) return findField(input.pod, from.fieldRef.fieldPath, input.addresses);
  if (from.resourceFieldRef !== undefined) {
    return findResource(input.pod, input.container, from.resourceFieldRef, input.node);
  }
  const ref = from.configMapKeyRef ?? from.secretKeyRef;
  if (ref === undefined) return '';
  const kind = from.configMapKeyRef !== undefined ? 'configmap' : 'secret';
  const object =
    kind === 'configmap'
      ? await input.source.configMap(namespace, ref.name ?? '')
      : await input.source.secret(namespace, ref.name ?? '');
  if (object === undefined) {
    if (ref.optional === true) return undefined;
    throw new ConfigError(`${kind} "${ref.name ?? ''}" not found`);
  }
  const value = object.data?.[ref.key];
  if (value === undefined) {
    if (ref.optional === true) return undefined;
    const word = kind === 'configmap' ? 'ConfigMap' : 'Secret';
    throw new ConfigError(`couldn't find key ${ref.key} in ${word} ${namespace}/${ref.name ?? ''}`);
  }
  return kind === 'secret' ? decode(value) : value;
}
