// Rules of metadata: names, labels, owner references, and what clients may not set or change.
import { randomBytes } from 'node:crypto';
import type { FieldProblems } from '../field-problems.ts';
import type { ResourceDefinition } from '../kinds/definition.ts';
import { labelMessage, labelName, subdomainMessage, subdomainName } from '../kinds/pod-rules.ts';
import type { ApiObject } from '../object.ts';

const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const label1035Message =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const qualifiedName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const labelKeyMessage =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const labelValueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** Random suffixes without vowels and look-alikes, as upstream makes them. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
export function generatedName(base: string): string {
  let suffix = '';
  for (const byte of randomBytes(5)) suffix += alphabet[byte % alphabet.length];
  return base.slice(0, 58) + suffix;
}

export function validateName(name: string, definition: ResourceDefinition, problems: FieldProblems): void {
  const field = 'metadata.name';
  if (name === '') {
    problems.required(field, 'name or generateName is required');
    return;
  }
  switch (definition.rules.nameRule ?? 'subdomain') {
    case 'path':
      if (name === '.' || name === '..') problems.invalid(field, name, `may not be '${name}'`);
      else
        for (const char of ['/', '%'])
          if (name.includes(char)) problems.invalid(field, name, `may not contain '${char}'`);
      return;
    case 'label1035':
      if (!label1035.test(name)) problems.invalid(field, name, label1035Message);
      if (name.length > 63) problems.invalid(field, name, 'must be no more than 63 characters');
      return;
    case 'label':
      if (!labelName.test(name)) problems.invalid(field, name, labelMessage);
      if (name.length > 63) problems.invalid(field, name, 'must be no more than 63 characters');
      return;
    default:
      if (!subdomainName.test(name)) problems.invalid(field, name, subdomainMessage);
      if (name.length > 253) problems.invalid(field, name, 'must be no more than 253 characters');
  }
}

export function validateMetadata(object: ApiObject, definition: ResourceDefinition, problems: FieldProblems): void {
  const { metadata } = object;
  validateName(metadata.name ?? '', definition, problems);
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    const slash = key.lastIndexOf('/');
    const name = key.slice(slash + 1);
    if (!qualifiedName.test(name) || name.length > 63 || (slash >= 0 && !subdomainName.test(key.slice(0, slash))))
      problems.invalid('metadata.labels', key, labelKeyMessage);
    if (value !== '' && !qualifiedName.test(value)) problems.invalid('metadata.labels', value, labelValueMessage);
    if (value.length > 63) problems.invalid('metadata.labels', value, 'must be no more than 63 bytes');
  }
  let size = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    size += key.length + value.length;
    if (!qualifiedName.test(key.slice(key.lastIndexOf('/') + 1)))
      problems.invalid('metadata.annotations', key, labelKeyMessage);
  }
  if (size > 256 * 1024) problems.tooLong('metadata.annotations', 262144);
  for (const [index, owner] of (metadata.ownerReferences ?? []).entries()) {
    const path = `metadata.ownerReferences[${index}]`;
    for (const key of ['apiVersion', 'kind', 'name', 'uid'] as const)
      if (!owner[key])
        problems.invalid(
          `${path}.${key}`,
          owner[key] ?? '',
          `${key === 'apiVersion' ? 'version' : key} must not be empty`,
        );
  }
  const controllers = (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1)
    problems.invalid(
      'metadata.ownerReferences',
      metadata.ownerReferences,
      `Only one reference can have Controller set to true. Found "true" in references for ${controllers[0]!.kind}/${controllers[0]!.name} and ${controllers[1]!.kind}/${controllers[1]!.name}`,
    );
}
