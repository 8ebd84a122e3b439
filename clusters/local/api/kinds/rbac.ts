// Kinds of rbac.authorization.k8s.io/v1.
import { type ApiObject, recs, str, rec } from '../object.ts';
import { ageColumn, column, nameColumn, wide } from './columns.ts';
import type { KindRules } from './definition.ts';
import { groupOf } from './registry.ts';

const subjects =
  (kind: string) =>
  (object: ApiObject): string =>
    recs(object['subjects'])
      .filter((item) => item['kind'] === kind)
      .map((item) => (kind === 'ServiceAccount' ? `${str(item['namespace'])}/${str(item['name'])}` : str(item['name'])))
      .join(', ');

const binding: KindRules = {
  nameRule: 'path',
  defaults(object) {
    const role = rec(object['roleRef']);
    if (str(role['apiGroup']) === '') role['apiGroup'] = 'rbac.authorization.k8s.io';
    for (const subject of recs(object['subjects']))
      if (subject['kind'] !== 'ServiceAccount' && str(subject['apiGroup']) === '')
        subject['apiGroup'] = 'rbac.authorization.k8s.io';
  },
  validate(object, problems) {
    const role = rec(object['roleRef']);
    if (!['ClusterRole', 'Role'].includes(str(role['kind'])))
      problems.notSupported('roleRef.kind', role['kind'] ?? '', ['ClusterRole', 'Role']);
    if (str(role['name']) === '') problems.required('roleRef.name');
    for (const [index, subject] of recs(object['subjects']).entries())
      if (subject['kind'] === 'ServiceAccount' && str(subject['namespace']) === '')
        problems.required(`subjects[${index}].namespace`);
  },
  validateUpdate(object, before, problems) {
    if (JSON.stringify(object['roleRef']) !== JSON.stringify(before['roleRef']))
      problems.invalid('roleRef', object['roleRef'], 'cannot change roleRef');
  },
  columns: [
    nameColumn,
    column('Role', (o) => `${str(rec(o['roleRef'])['kind'])}/${str(rec(o['roleRef'])['name'])}`),
    ageColumn,
    wide('Users', subjects('User')),
    wide('Groups', subjects('Group')),
    wide('ServiceAccounts', subjects('ServiceAccount')),
  ],
};
const role: KindRules = {
  nameRule: 'path',
  defaults(object) {
    object['rules'] ??= null;
  },
  validate(object, problems) {
    for (const [index, rule] of recs(object['rules']).entries())
      if (!Array.isArray(rule['verbs']) || rule['verbs'].length === 0)
        problems.required(`rules[${index}].verbs`, 'verbs must contain at least one value');
  },
  columns: [nameColumn, column('Created At', (o) => o.metadata.creationTimestamp ?? '')],
};

export const rbacKinds = groupOf('rbac.authorization.k8s.io', 'v1', [
  { resource: 'clusterrolebindings', kind: 'ClusterRoleBinding', cluster: true, rules: binding },
  { resource: 'clusterroles', kind: 'ClusterRole', cluster: true, rules: role },
  { resource: 'rolebindings', kind: 'RoleBinding', rules: binding },
  { resource: 'roles', kind: 'Role', rules: role },
]);
