// The environment: the one object in which environments differ. Typed, and checked where it enters a Platform.
import { checkShape, isRecord } from '#api/shape.ts';
import { Findings } from '#api/findings.ts';
import { formatProblem, isError } from '#api/problem.ts';
import { boolean, double, map, object, oneOf, string, type TypeOf } from '#api/schema.ts';

const resources = (description: string) =>
  object(description, {
    limits: map('Upper limits, by resource.', string('Quantity, e.g. 500m or 1Gi.')),
    requests: map('What is reserved, by resource.', string('Quantity, e.g. 100m or 128Mi.')),
  });

export const environmentSchema = object(
  'An environment.',
  {
    name: string('Name, also of its folder below manifests/.', { pattern: '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$' }),
    cluster: object(
      'The cluster that it runs in.',
      {
        kind: oneOf('local: embedded; kind and eks: provisioned; existing: any cluster by kubeconfig.', [
          'local',
          'kind',
          'eks',
          'existing',
        ]),
        context: string('Context of the kubeconfig, for kind `existing`; default the current one.'),
        kubeconfig: string('Path of the kubeconfig, for kind `existing`; default as kubectl.'),
      },
      { required: ['kind'] },
    ),
    registry: string('Registry and repository of our images; default docker.io/rigging.'),
    tag: string('Tag of our images; default the version.'),
    profile: oneOf('Which parts of the mesh there are, and how they are set up, as in Istio.', [
      'default',
      'demo',
      'minimal',
    ]),
    egressGateway: boolean('Whether there is an egress gateway; default as the profile has it.'),
    mesh: object('Settings of the mesh; they win over those of the profile.', {
      accessLog: boolean('Whether proxies log each request to standard output.'),
      clusterId: string('Name of the cluster within the mesh; default Kubernetes.'),
      config: map("Fields of Istio's MeshConfig.", { ...string('Any value.'), json: {} } as never),
      controlPlaneResources: resources('Resources of istiod.'),
      proxyResources: resources('Resources of every proxy.'),
      traceSampling: double('Share of requests that are traced, in percent.', { minimum: 0, maximum: 100 }),
      trustDomain: string('First part of every identity; default cluster.local.'),
    }),
    addons: object('What stands beside the mesh; each is off unless it is true.', {
      prometheus: boolean('Prometheus, which scrapes the mesh.'),
    }),
    apps: boolean('Whether the example apps are part of it; default true.'),
    settings: map("Values for the program's own use.", string('Any text.')),
  },
  { required: ['name', 'cluster'] },
);

export type Environment = TypeOf<typeof environmentSchema>;

/** An environment object that is wrong; `problems` has each path, the reason and the nearest valid name. */
export class EnvironmentError extends Error {
  readonly problems: Findings['problems'];
  constructor(problems: Findings['problems']) {
    super(`the environment is not valid:\n${problems.map((each) => `  ${formatProblem(each)}`).join('\n')}`);
    this.name = 'EnvironmentError';
    this.problems = problems;
  }
}

/** The value as an environment; throws EnvironmentError. */
export function toEnvironment(value: unknown): Environment {
  const findings = new Findings();
  if (isRecord(value)) checkShape(environmentSchema as never, value, '', findings);
  else findings.error('', 'wrong-type', 'must be an object with name and cluster');
  if (findings.problems.some(isError)) throw new EnvironmentError(findings.problems);
  return value as Environment;
}

/** The environments that exist without a file; undefined for other names. `local` is Istio's demo profile without egress gateway. */
export function tryBuiltInEnvironment(name: string): Environment | undefined {
  if (name === 'local') return { name, cluster: { kind: 'local' }, profile: 'demo', egressGateway: false };
  if (name === 'kind' || name === 'existing') return { name, cluster: { kind: name } };
  return undefined;
}

/** An environment for tests: local, with the example apps. */
export const testEnvironment = (changes: Partial<Environment> = {}): Environment => ({
  name: 'test',
  cluster: { kind: 'local' },
  ...changes,
});
