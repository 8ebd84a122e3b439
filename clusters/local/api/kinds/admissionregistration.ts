// Kinds of admissionregistration.k8s.io/v1: webhook configurations. Admission policies are not served.
import { at, type Fields, isFields, list, recs, str } from '../object.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import type { KindRules } from './definition.ts';
import { groupOf } from './registry.ts';

const rules = (isMutating: boolean): KindRules => ({
  defaults(object) {
    for (const hook of recs(object['webhooks'])) {
      hook['failurePolicy'] ??= 'Fail';
      hook['matchPolicy'] ??= 'Equivalent';
      hook['namespaceSelector'] ??= {};
      hook['objectSelector'] ??= {};
      hook['timeoutSeconds'] ??= 10;
      if (isMutating) hook['reinvocationPolicy'] ??= 'Never';
      for (const rule of recs(hook['rules'])) rule['scope'] ??= '*';
      const service = at(hook, 'clientConfig', 'service') as Fields | undefined;
      if (isFields(service)) service['port'] ??= 443;
    }
  },
  validate(object, problems) {
    for (const [index, hook] of recs(object['webhooks']).entries()) {
      const path = `webhooks[${index}]`;
      if (str(hook['name']).split('.').length < 3)
        problems.invalid(
          `${path}.name`,
          hook['name'] ?? '',
          'should be a domain with at least three segments separated by dots',
        );
      const effects = hook['sideEffects'];
      if (effects === undefined) problems.required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun');
      else if (!['None', 'NoneOnDryRun'].includes(str(effects)))
        problems.notSupported(`${path}.sideEffects`, effects, ['None', 'NoneOnDryRun']);
      if (list(hook['admissionReviewVersions']).length === 0)
        problems.required(`${path}.admissionReviewVersions`, 'must specify one of v1, v1beta1');
      const hasUrl = at(hook, 'clientConfig', 'url') !== undefined;
      const hasService = isFields(at(hook, 'clientConfig', 'service'));
      if (hasUrl === hasService) problems.required(`${path}.clientConfig`, 'exactly one of url or service is required');
    }
  },
  columns: [nameColumn, column('Webhooks', (o) => list(o['webhooks']).length, 'integer'), ageColumn],
});

export const admissionRegistrationKinds = groupOf('admissionregistration.k8s.io', 'v1', [
  {
    resource: 'mutatingwebhookconfigurations',
    kind: 'MutatingWebhookConfiguration',
    cluster: true,
    categories: ['api-extensions'],
    generation: true,
    rules: rules(true),
  },
  {
    resource: 'validatingwebhookconfigurations',
    kind: 'ValidatingWebhookConfiguration',
    cluster: true,
    categories: ['api-extensions'],
    generation: true,
    rules: rules(false),
  },
]);
