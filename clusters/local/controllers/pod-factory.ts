// A template and its owner -> the pod to create.
import { controllerReference, type KubeObject } from '#lib/kube/object.ts';
import type { Pod, PodTemplate } from './objects.ts';

export interface PodFromTemplate {
  readonly owner: KubeObject;
  readonly template: PodTemplate;
  /** @default `<owner>-` with a generated suffix */
  readonly name?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export function podFromTemplate({ owner, template, name, labels, annotations }: PodFromTemplate): Pod {
  const naming = name === undefined ? { generateName: generatePrefix(owner.metadata.name) } : { name };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(naming as { name: string }),
      namespace: owner.metadata.namespace,
      labels: { ...template.metadata?.labels, ...labels },
      annotations: { ...template.metadata?.annotations, ...annotations },
      finalizers: template.metadata?.finalizers,
      ownerReferences: [controllerReference(owner)],
    },
    spec: structuredClone(template.spec),
  };
}

/** The API server appends five characters; a name has at most 63. */
function generatePrefix(name: string): string {
  return `${name.slice(0, 57)}-`;
}
