// Role-based access control over the stored roles and bindings.
import { type ApiObject, type Fields, rec, recs, str, strings } from '../object.ts';
import type { UserInfo } from '../rest/request.ts';
import type { Store } from '../storage/store.ts';

export interface AccessQuestion {
  readonly user: UserInfo;
  readonly verb: string;
  readonly group?: string | undefined;
  readonly resource?: string | undefined;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** Set for paths that are no resource. */
  readonly path?: string | undefined;
}

const rbac = 'rbac.authorization.k8s.io';
const has = (items: readonly string[], wanted: string): boolean => items.includes('*') || items.includes(wanted);

function ruleAllows(rule: Fields, question: AccessQuestion): boolean {
  if (!has(strings(rule['verbs']), question.verb)) return false;
  if (question.path !== undefined)
    return strings(rule['nonResourceURLs']).some(
      (url) =>
        url === question.path || url === '*' || (url.endsWith('*') && question.path!.startsWith(url.slice(0, -1))),
    );
  if (!has(strings(rule['apiGroups']), question.group ?? '')) return false;
  const resources = strings(rule['resources']);
  const sub = question.subresource ?? '';
  const full = sub === '' ? (question.resource ?? '') : `${question.resource}/${sub}`;
  if (!has(resources, full) && !(sub !== '' && resources.includes(`*/${sub}`))) return false;
  const names = strings(rule['resourceNames']);
  return names.length === 0 || names.includes(question.name ?? '');
}

function isSubject(subject: Fields, user: UserInfo, bindingNamespace: string): boolean {
  const name = str(subject['name']);
  switch (subject['kind']) {
    case 'User':
      return user.username === name;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount':
      return user.username === `system:serviceaccount:${str(subject['namespace']) || bindingNamespace}:${name}`;
    default:
      return false;
  }
}

export class RbacAuthorizer {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  #rulesOf(binding: ApiObject): Fields[] {
    const ref = rec(binding['roleRef']);
    const role =
      ref['kind'] === 'ClusterRole'
        ? this.#store.get(`${rbac}/clusterroles`, '', str(ref['name']))
        : this.#store.get(`${rbac}/roles`, binding.metadata.namespace ?? '', str(ref['name']));
    return recs(role?.['rules']);
  }

  /** All rules that a user holds cluster-wide and in a namespace. */
  rules(user: UserInfo, namespace: string): Fields[] {
    const isBound = (binding: ApiObject): boolean =>
      recs(binding['subjects']).some((subject) => isSubject(subject, user, binding.metadata.namespace ?? ''));
    const bindings = [
      ...this.#store.list(`${rbac}/clusterrolebindings`),
      ...(namespace === '' ? [] : this.#store.list(`${rbac}/rolebindings`, namespace)),
    ];
    return bindings.filter(isBound).flatMap((binding) => this.#rulesOf(binding));
  }

  allows(question: AccessQuestion): boolean {
    if (question.user.groups.includes('system:masters')) return true;
    return this.rules(question.user, question.namespace ?? '').some((rule) => ruleAllows(rule, question));
  }
}

/** `User "x" cannot get resource "pods" in API group "" in the namespace "y"`. */
export function denial(question: AccessQuestion): string {
  const user = `User ${JSON.stringify(question.user.username)}`;
  if (question.path !== undefined) return `${user} cannot ${question.verb} path ${JSON.stringify(question.path)}`;
  const resource =
    (question.subresource ?? '') === '' ? question.resource : `${question.resource}/${question.subresource}`;
  const where =
    (question.namespace ?? '') === ''
      ? 'at the cluster scope'
      : `in the namespace ${JSON.stringify(question.namespace)}`;
  return `${user} cannot ${question.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(question.group ?? '')} ${where}`;
}
