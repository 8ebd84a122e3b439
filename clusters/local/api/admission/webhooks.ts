// Mutating and validating admission webhooks: which match, in which order they run, and what their answers do.
import { randomUUID } from 'node:crypto';
import { applyPatch, type Operation } from 'rfc6902';
import { compileCel, toCel } from '../crd/cel-rules.ts';
import { type ApiObject, clone, type Fields, isEqual, isFields, list, rec, recs, str, strings } from '../object.ts';
import type { AdmissionAttributes } from '../rest/admission.ts';
import { matchesLabelSelector } from '../selectors.ts';
import { ApiError, internal } from '../status.ts';
import type { Store } from '../storage/store.ts';
import { callWebhook } from './webhook-call.ts';

const group = 'admissionregistration.k8s.io';
const has = (items: readonly string[], wanted: string): boolean => items.includes('*') || items.includes(wanted);

export class Webhooks {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  #hooks(resource: string, attributes: AdmissionAttributes): Fields[] {
    // Configurations of webhooks are never sent to webhooks: a broken one could not be mended.
    if (attributes.definition.group === group) return [];
    return this.#store
      .list(`${group}/${resource}`)
      .flatMap((configuration) => recs(configuration['webhooks']))
      .filter((hook) => this.#matches(hook, attributes));
  }

  #matches(hook: Fields, attributes: AdmissionAttributes): boolean {
    const { definition, object, before } = attributes;
    if (!recs(hook['rules']).some((rule) => ruleMatches(rule, hook['matchPolicy'] !== 'Exact', attributes)))
      return false;
    const isNamespace = definition.storage === '/namespaces';
    if (definition.namespaced || isNamespace) {
      const labels = isNamespace
        ? (object ?? before)?.metadata.labels
        : this.#store.get('/namespaces', '', attributes.namespace)?.metadata.labels;
      if (!matchesLabelSelector(hook['namespaceSelector'], labels ?? {})) return false;
    }
    const isSelected = [object, before].some(
      (item) => item !== undefined && matchesLabelSelector(hook['objectSelector'], item.metadata.labels ?? {}),
    );
    if (!isSelected) return false;
    return recs(hook['matchConditions']).every((condition) => conditionHolds(condition, hook, attributes));
  }

  async mutate(attributes: AdmissionAttributes): Promise<ApiObject | undefined> {
    let object = attributes.object;
    const repeatable: Fields[] = [];
    const repeat = new Set<Fields>();
    const run = async (hook: Fields): Promise<void> => {
      const response = await this.#ask(hook, { ...attributes, object });
      if (object === undefined || response?.['patch'] === undefined) return;
      const changed = patched(object, str(response['patch']), str(hook['name']));
      if (!isEqual(changed, object)) for (const other of repeatable) if (other !== hook) repeat.add(other);
      object = changed;
    };
    for (const hook of this.#hooks('mutatingwebhookconfigurations', attributes)) {
      await run(hook);
      if (hook['reinvocationPolicy'] === 'IfNeeded') repeatable.push(hook);
    }
    for (const hook of repeatable) if (repeat.has(hook)) await run(hook);
    return object;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const hooks = this.#hooks('validatingwebhookconfigurations', attributes);
    const results = await Promise.allSettled(hooks.map((hook) => this.#ask(hook, attributes)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** The answer's `response`, or undefined where a failure is to be ignored. @throws when it denies or fails. */
  async #ask(hook: Fields, attributes: AdmissionAttributes): Promise<Fields | undefined> {
    const name = str(hook['name']);
    if (attributes.dryRun && !['None', 'NoneOnDryRun'].includes(str(hook['sideEffects'])))
      throw new ApiError(400, 'BadRequest', `admission webhook "${name}" does not support dry run`);
    const uid = randomUUID();
    const version =
      strings(hook['admissionReviewVersions']).find((item) => item === 'v1' || item === 'v1beta1') ?? 'v1';
    const apiVersion = `admission.k8s.io/${version}`;
    const review = { kind: 'AdmissionReview', apiVersion, request: reviewRequest(attributes, uid) };
    const timeoutSeconds = typeof hook['timeoutSeconds'] === 'number' ? hook['timeoutSeconds'] : 10;
    let response: Fields;
    try {
      response = rec((await callWebhook(hook, JSON.stringify(review), timeoutSeconds, this.#store))['response']);
      if (str(response['uid']) !== uid)
        throw new Error(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(str(response['uid']))}`);
    } catch (error) {
      if (hook['failurePolicy'] === 'Ignore') return undefined;
      const why = error instanceof Error ? error.message : String(error);
      throw internal(`failed calling webhook "${name}": failed to call webhook: ${why}`);
    }
    for (const warning of strings(response['warnings'])) attributes.request.warnings.push(warning.slice(0, 4096));
    if (response['allowed'] === true) return response;
    throw denialOf(name, rec(response['status']));
  }
}

function denialOf(name: string, status: Fields): ApiError {
  const message = str(status['message']) || str(status['reason']);
  const { code: answered } = status;
  const code = typeof answered === 'number' && answered >= 400 && answered < 600 ? answered : 403;
  const text = `admission webhook "${name}" denied the request${message === '' ? ' without explanation' : `: ${message}`}`;
  const details = isFields(status['details']) ? (status['details'] as ApiError['details']) : {};
  return new ApiError(code, str(status['reason']) || (code === 403 ? 'Forbidden' : ''), text, details);
}

function patched(object: ApiObject, patch: string, name: string): ApiObject {
  const target = clone(object);
  let operations: unknown;
  try {
    operations = JSON.parse(Buffer.from(patch, 'base64').toString('utf8'));
  } catch {
    throw internal(`admission webhook "${name}" answered a patch that is no JSON`);
  }
  const failed = applyPatch(target, list(operations) as Operation[]).find((error) => error !== null);
  if (failed !== undefined && failed !== null)
    throw internal(`admission webhook "${name}" answered a patch that does not apply: ${failed.message}`);
  return target;
}

function ruleMatches(rule: Fields, isEquivalent: boolean, attributes: AdmissionAttributes): boolean {
  const { definition, subresource, operation } = attributes;
  const full = subresource === '' ? definition.resource : `${definition.resource}/${subresource}`;
  const isResource = strings(rule['resources']).some(
    (item) =>
      item === full ||
      item === '*/*' ||
      (item === '*' && subresource === '') ||
      item === `${definition.resource}/*` ||
      (subresource !== '' && item === `*/${subresource}`),
  );
  const scope = str(rule['scope']) || '*';
  return (
    isResource &&
    has(strings(rule['operations']), operation) &&
    has(strings(rule['apiGroups']), definition.group) &&
    (scope === '*' || (scope === 'Namespaced') === definition.namespaced) &&
    (isEquivalent || has(strings(rule['apiVersions']), definition.version))
  );
}

/** A condition that cannot be judged counts as met where failures refuse, and as not met where they are ignored. */
function conditionHolds(condition: Fields, hook: Fields, attributes: AdmissionAttributes): boolean {
  const program = compileCel(str(condition['expression']));
  const otherwise = hook['failurePolicy'] !== 'Ignore';
  if (program instanceof Error) return otherwise;
  try {
    const context = {
      object: toCel(attributes.object ?? null),
      oldObject: toCel(attributes.before ?? null),
      request: toCel(reviewRequest(attributes, '')),
    };
    return program(context) === true;
  } catch {
    return otherwise;
  }
}

const optionKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions', CONNECT: '' } as const;

function reviewRequest(attributes: AdmissionAttributes, uid: string): Fields {
  const { definition, request, subresource } = attributes;
  const kind = { group: definition.group, version: definition.version, kind: definition.kind };
  const resource = { group: definition.group, version: definition.version, resource: definition.resource };
  const { user } = request;
  return {
    uid,
    kind,
    resource,
    requestKind: kind,
    requestResource: resource,
    ...(subresource === '' ? {} : { subResource: subresource, requestSubResource: subresource }),
    ...(attributes.name === '' ? {} : { name: attributes.name }),
    ...(definition.namespaced ? { namespace: attributes.namespace } : {}),
    operation: attributes.operation,
    userInfo: {
      username: user.username,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(user.extra === undefined ? {} : { extra: user.extra }),
    },
    object: attributes.object ?? null,
    oldObject: attributes.before ?? null,
    dryRun: attributes.dryRun,
    options: { kind: optionKinds[attributes.operation], apiVersion: 'meta.k8s.io/v1' },
  };
}
