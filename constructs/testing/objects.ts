// What the oracle takes: a Platform, a cdk8s app or chart, or plain Kubernetes objects. All become plain objects.
import { Chart } from 'cdk8s';
import { Construct } from 'constructs';

/** A Kubernetes object as it is applied. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
    readonly creationTimestamp?: string | undefined;
  };
  readonly spec?: unknown;
  readonly data?: unknown;
}

/** Everything that requests can be asked of. */
export type Declared = Construct | readonly object[] | { objects(): readonly object[] };

export function toObjects(declared: Declared): KubernetesObject[] {
  const found = collect(declared).flatMap(flattenList);
  for (const object of found) {
    if (
      typeof object.apiVersion !== 'string' ||
      typeof object.kind !== 'string' ||
      typeof object.metadata?.name !== 'string'
    ) {
      throw new Error(
        `not a Kubernetes object, it needs apiVersion, kind and metadata.name: ${JSON.stringify(object).slice(0, 200)}`,
      );
    }
  }
  return found;
}

function collect(declared: Declared): KubernetesObject[] {
  if (Array.isArray(declared)) return declared as KubernetesObject[];
  if ('objects' in declared && typeof declared.objects === 'function')
    return [...declared.objects()] as KubernetesObject[];
  if (!Construct.isConstruct(declared))
    throw new Error('expectRequest takes a Platform, a cdk8s App or Chart, or a list of Kubernetes objects');
  const charts = declared.node.findAll().filter((each) => Chart.isChart(each));
  // Routes that charts add to one another's services are synthesised with the chart that holds the service, so look at all of them.
  return charts.flatMap((chart) => (chart as Chart).toJson() as KubernetesObject[]);
}

const flattenList = (object: KubernetesObject): KubernetesObject[] =>
  object.kind === 'List' && Array.isArray((object as { items?: unknown }).items)
    ? (object as unknown as { items: KubernetesObject[] }).items
    : [object];
