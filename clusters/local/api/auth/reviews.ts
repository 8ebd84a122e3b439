// Reviews and token requests: answered, never stored.
import { at, type Fields, rec, str, strings } from '../object.ts';
import type { UserInfo } from '../rest/request.ts';
import { badRequest, invalid, notFound } from '../status.ts';
import type { Store } from '../storage/store.ts';
import type { AccessQuestion, RbacAuthorizer } from './rbac.ts';
import { defaultAudience, type ServiceAccountTokens } from './tokens.ts';

/** Kinds that POST answers with themselves, their status filled in. */
export const reviewResources: readonly {
  readonly group: string;
  readonly resource: string;
  readonly kind: string;
  readonly namespaced: boolean;
}[] = [
  { group: 'authentication.k8s.io', resource: 'selfsubjectreviews', kind: 'SelfSubjectReview', namespaced: false },
  { group: 'authentication.k8s.io', resource: 'tokenreviews', kind: 'TokenReview', namespaced: false },
  {
    group: 'authorization.k8s.io',
    resource: 'localsubjectaccessreviews',
    kind: 'LocalSubjectAccessReview',
    namespaced: true,
  },
  {
    group: 'authorization.k8s.io',
    resource: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    namespaced: false,
  },
  {
    group: 'authorization.k8s.io',
    resource: 'selfsubjectrulesreviews',
    kind: 'SelfSubjectRulesReview',
    namespaced: false,
  },
  { group: 'authorization.k8s.io', resource: 'subjectaccessreviews', kind: 'SubjectAccessReview', namespaced: false },
];

const userFields = (user: UserInfo): Fields => ({
  username: user.username,
  ...(user.uid === undefined ? {} : { uid: user.uid }),
  groups: user.groups,
  ...(user.extra === undefined ? {} : { extra: user.extra }),
});

export class Reviews {
  readonly #authorizer: RbacAuthorizer;
  readonly #tokens: ServiceAccountTokens;
  readonly #store: Store;

  constructor(authorizer: RbacAuthorizer, tokens: ServiceAccountTokens, store: Store) {
    this.#authorizer = authorizer;
    this.#tokens = tokens;
    this.#store = store;
  }

  answer(kind: string, input: Fields, caller: UserInfo, namespace: string): Fields {
    const spec = rec(input['spec']);
    const reply = (status: Fields): Fields => ({ ...input, kind, metadata: { ...rec(input['metadata']) }, status });
    switch (kind) {
      case 'SelfSubjectReview':
        return reply({ userInfo: userFields(caller) });
      case 'TokenReview': {
        const audiences = strings(spec['audiences']);
        const result = this.#tokens.authenticate(str(spec['token']), audiences.length === 0 ? undefined : audiences);
        if ('error' in result) return reply({ user: {}, error: result.error });
        return reply({ authenticated: true, user: userFields(result.user), audiences: result.audiences });
      }
      case 'SelfSubjectAccessReview':
        return reply(this.#judge(spec, caller, kind));
      case 'SubjectAccessReview':
      case 'LocalSubjectAccessReview': {
        const user = str(spec['user']);
        const groups = strings(spec['groups']);
        if (user === '' && groups.length === 0)
          throw invalid('authorization.k8s.io', kind, '', [
            {
              type: 'FieldValueInvalid',
              field: 'spec.user',
              message: 'Invalid value: "": at least one of user or group must be specified',
            },
          ]);
        if (kind === 'LocalSubjectAccessReview' && str(at(spec, 'resourceAttributes', 'namespace')) !== namespace)
          throw badRequest('spec.resourceAttributes.namespace must match the namespace of the request');
        return reply(this.#judge(spec, { username: user, groups }, kind));
      }
      case 'SelfSubjectRulesReview': {
        const rules = this.#authorizer.rules(caller, str(spec['namespace']));
        const isMaster = caller.groups.includes('system:masters');
        const all: Fields[] = isMaster
          ? [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] }, ...rules]
          : rules;
        const pick = (rule: Fields, keys: readonly string[]): Fields =>
          Object.fromEntries(keys.flatMap((key) => (rule[key] === undefined ? [] : [[key, rule[key]]])));
        return reply({
          resourceRules: all
            .filter((rule) => rule['resources'] !== undefined)
            .map((rule) => pick(rule, ['verbs', 'apiGroups', 'resources', 'resourceNames'])),
          nonResourceRules: all
            .filter((rule) => rule['nonResourceURLs'] !== undefined)
            .map((rule) => pick(rule, ['verbs', 'nonResourceURLs'])),
          incomplete: false,
        });
      }
      default:
        throw badRequest(`BUG: ${kind} is no review`);
    }
  }

  #judge(spec: Fields, user: UserInfo, kind: string): Fields {
    const resource = spec['resourceAttributes'];
    const path = spec['nonResourceAttributes'];
    if ((resource === undefined) === (path === undefined))
      throw invalid('authorization.k8s.io', kind, '', [
        {
          type: 'FieldValueInvalid',
          field: 'spec.resourceAttributes',
          message: 'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
        },
      ]);
    const question: AccessQuestion =
      path !== undefined
        ? { user, verb: str(at(path, 'verb')), path: str(at(path, 'path')) }
        : {
            user,
            verb: str(at(resource, 'verb')),
            group: str(at(resource, 'group')),
            resource: str(at(resource, 'resource')),
            subresource: str(at(resource, 'subresource')),
            namespace: str(at(resource, 'namespace')),
            name: str(at(resource, 'name')),
          };
    return this.#authorizer.allows(question) ? { allowed: true, reason: '' } : { allowed: false };
  }

  /** `POST serviceaccounts/NAME/token`. */
  requestToken(namespace: string, name: string, input: Fields): Fields {
    const account = this.#store.get('/serviceaccounts', namespace, name);
    if (account === undefined) throw notFound({ group: '', resource: 'serviceaccounts' }, name);
    const spec = rec(input['spec']);
    const wanted = typeof spec['expirationSeconds'] === 'number' ? spec['expirationSeconds'] : 3600;
    if (wanted < 600)
      throw invalid('authentication.k8s.io', 'TokenRequest', '', [
        {
          type: 'FieldValueInvalid',
          field: 'spec.expirationSeconds',
          message: `Invalid value: ${wanted}: may not specify a duration less than 10 minutes`,
        },
      ]);
    const audiences = strings(spec['audiences']);
    const ref = spec['boundObjectRef'];
    let bound: { kind: string; apiVersion: string; name: string; uid: string } | undefined;
    let node: { name: string; uid: string } | undefined;
    if (ref !== undefined && ref !== null) {
      const kind = str(at(ref, 'kind'));
      const resource = kind === 'Pod' ? 'pods' : kind === 'Secret' ? 'secrets' : undefined;
      if (resource === undefined)
        throw badRequest(
          `cannot bind token for serviceaccount "${name}" to object of kind ${kind}; Pod and Secret are supported`,
        );
      const object = this.#store.get(`/${resource}`, namespace, str(at(ref, 'name')));
      if (object === undefined) throw notFound({ group: '', resource }, str(at(ref, 'name')));
      const uid = str(at(ref, 'uid')) || (object.metadata.uid ?? '');
      bound = { kind, apiVersion: 'v1', name: object.metadata.name, uid };
      const nodeName = str(at(object, 'spec', 'nodeName'));
      const nodeUid = this.#store.get('/nodes', '', nodeName)?.metadata.uid;
      if (nodeName !== '' && nodeUid !== undefined) node = { name: nodeName, uid: nodeUid };
    }
    const seconds = Math.min(wanted, 365 * 24 * 3600);
    const granted = audiences.length === 0 ? [defaultAudience] : audiences;
    const issued = this.#tokens.issue({
      namespace,
      name,
      uid: account.metadata.uid ?? '',
      audiences: granted,
      expirationSeconds: seconds,
      bound,
      node,
    });
    return {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name, namespace, creationTimestamp: new Date().toISOString().replace(/\.\d+Z/, 'Z') },
      spec: { audiences: granted, expirationSeconds: seconds, boundObjectRef: ref ?? null },
      status: {
        token: issued.token,
        expirationTimestamp: new Date(issued.expiresAtMs).toISOString().replace(/\.\d+Z/, 'Z'),
      },
    };
  }
}
