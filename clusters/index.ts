// The Pulumi program, in its first form: one object on the cluster of the current context, so that the guard, the SDK and the
// types are exercised. Clusters and the bundle follow.
import { core } from '@pulumi/kubernetes';

const environment = new core.v1.ConfigMap('environment', {
  metadata: { name: 'rigging-environment', namespace: 'default' },
  data: { program: 'rigging' },
});

export const outputs = { configMap: environment.metadata.name };
