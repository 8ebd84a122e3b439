// Validation of pod specs and templates, in the words of pkg/apis/core/validation.
import type { FieldProblems } from '../field-problems.ts';
import { at, type Fields, isEqual, isFields, list, rec, recs, str } from '../object.ts';

export const labelName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const subdomainName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
export const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

const protocols = ['SCTP', 'TCP', 'UDP'];

export function validatePodSpec(spec: Fields, path: string, problems: FieldProblems): void {
  const volumes = new Set<string>();
  for (const [index, volume] of recs(spec['volumes']).entries()) {
    const at = `${path}.volumes[${index}].name`;
    const name = str(volume['name']);
    if (name === '') problems.required(at);
    else if (!labelName.test(name)) problems.invalid(at, name, labelMessage);
    else if (volumes.has(name)) problems.duplicate(at, name);
    volumes.add(name);
  }
  const containers = recs(spec['containers']);
  if (containers.length === 0) problems.required(`${path}.containers`);
  const names = new Set<string>();
  for (const field of ['containers', 'initContainers'])
    for (const [index, container] of recs(spec[field]).entries())
      validateContainer(container, `${path}.${field}[${index}]`, names, volumes, problems);
  const restart = str(spec['restartPolicy']);
  if (!['Always', 'OnFailure', 'Never'].includes(restart))
    problems.notSupported(`${path}.restartPolicy`, restart, ['Always', 'OnFailure', 'Never']);
  const dns = str(spec['dnsPolicy']);
  if (!['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'].includes(dns))
    problems.notSupported(`${path}.dnsPolicy`, dns, ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']);
  const account = str(spec['serviceAccountName']);
  if (account !== '' && !subdomainName.test(account))
    problems.invalid(`${path}.serviceAccountName`, account, subdomainMessage);
}

function validateContainer(
  container: Fields,
  path: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  problems: FieldProblems,
): void {
  const name = str(container['name']);
  if (name === '') problems.required(`${path}.name`);
  else if (!labelName.test(name) || name.length > 63) problems.invalid(`${path}.name`, name, labelMessage);
  if (name !== '' && names.has(name)) problems.duplicate(`${path}.name`, name);
  names.add(name);
  const image = str(container['image']);
  if (image === '') problems.required(`${path}.image`);
  else if (image.trim() !== image)
    problems.invalid(`${path}.image`, image, 'must not have leading or trailing whitespace');
  for (const [index, port] of recs(container['ports']).entries()) {
    const at = `${path}.ports[${index}]`;
    const value = port['containerPort'];
    if (value === undefined || value === 0) problems.required(`${at}.containerPort`);
    else if (typeof value === 'number' && (value < 1 || value > 65535))
      problems.invalid(`${at}.containerPort`, value, 'must be between 1 and 65535, inclusive');
    const protocol = str(port['protocol']);
    if (!protocols.includes(protocol)) problems.notSupported(`${at}.protocol`, protocol, protocols);
  }
  for (const [index, env] of recs(container['env']).entries()) {
    if (str(env['name']) === '') problems.required(`${path}.env[${index}].name`);
    if (str(env['value']) !== '' && isFields(env['valueFrom']))
      problems.invalid(`${path}.env[${index}].valueFrom`, '', 'may not be specified when `value` is not empty');
  }
  const mounts = new Set<string>();
  for (const [index, mount] of recs(container['volumeMounts']).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    const volume = str(mount['name']);
    if (volume === '') problems.required(`${at}.name`);
    if (!volumes.has(volume)) problems.notFound(`${at}.name`, volume);
    const where = str(mount['mountPath']);
    if (where === '') problems.required(`${at}.mountPath`);
    else if (mounts.has(where)) problems.invalid(`${at}.mountPath`, where, 'must be unique');
    mounts.add(where);
  }
  const policy = str(container['imagePullPolicy']);
  if (!['Always', 'IfNotPresent', 'Never'].includes(policy))
    problems.notSupported(`${path}.imagePullPolicy`, policy, ['Always', 'IfNotPresent', 'Never']);
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'])
    if (isFields(container[probe])) validateProbe(rec(container[probe]), `${path}.${probe}`, problems);
}

function validateProbe(probe: Fields, path: string, problems: FieldProblems): void {
  const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'].filter((key) => isFields(probe[key]));
  if (handlers.length === 0) problems.required(path, 'must specify a handler type');
  for (const extra of handlers.slice(1))
    problems.forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type');
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ]) {
    const value = probe[key];
    if (typeof value === 'number' && value < 0)
      problems.invalid(`${path}.${key}`, value, 'must be greater than or equal to 0');
  }
}

/** Selector and template of a workload. */
export function validateWorkload(spec: Fields, problems: FieldProblems): void {
  const selector = spec['selector'];
  const labels = rec(at(spec, 'template', 'metadata', 'labels'));
  const isEmpty =
    !isFields(selector) ||
    (Object.keys(rec(selector['matchLabels'])).length === 0 && list(selector['matchExpressions']).length === 0);
  if (!isFields(selector)) problems.required('spec.selector');
  else if (isEmpty) problems.invalid('spec.selector', {}, 'empty selector is invalid for deployment');
  if (!isFields(selector) || Object.entries(rec(selector['matchLabels'])).some(([key, value]) => labels[key] !== value))
    problems.invalid('spec.template.metadata.labels', labels, '`selector` does not match template `labels`');
  const replicas = spec['replicas'];
  if (typeof replicas === 'number' && replicas < 0)
    problems.invalid('spec.replicas', replicas, 'must be greater than or equal to 0');
  validatePodSpec(rec(at(spec, 'template', 'spec')), 'spec.template.spec', problems);
}

/** A field that never changes. */
export function immutable(now: unknown, before: unknown, field: string, problems: FieldProblems): void {
  if (!isEqual(now, before)) problems.invalid(field, now, 'field is immutable');
}

/** A running pod's spec: images, deadline, grace and added tolerations may change, nothing else. */
export function validatePodUpdate(now: Fields, before: Fields, problems: FieldProblems): void {
  const masked = (spec: Fields): unknown => {
    const copy = structuredClone(spec);
    for (const field of ['containers', 'initContainers'])
      for (const container of recs(copy[field])) delete container['image'];
    for (const field of [
      'activeDeadlineSeconds',
      'terminationGracePeriodSeconds',
      'tolerations',
      'ephemeralContainers',
      'schedulingGates',
    ])
      delete copy[field];
    return copy;
  };
  if (!isEqual(masked(now), masked(before)))
    problems.forbidden(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    );
}
