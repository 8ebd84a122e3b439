// The ProxyConfig in force for a pod: mesh defaultConfig, then the pod's annotation proxy.istio.io/config.
import { parse } from 'yaml';
import { Annotation } from '#api/names.ts';
import type { InjectionConfig } from './injection-config.ts';
import { TemplateError } from './template.ts';

type Dictionary = Record<string, unknown>;

/** Merged, fields of the later one winning; proxyMetadata is merged by key. */
export function proxyConfigOf(annotations: Readonly<Record<string, string>>, config: InjectionConfig): Dictionary {
  const own = readAnnotation(annotations[Annotation.proxyConfig]);
  const merged: Dictionary = {
    discoveryAddress: defaultDiscoveryAddress(config.revision),
    ...config.mesh.defaultConfig,
    ...own,
    proxyMetadata: {
      ...asDictionary(config.mesh.defaultConfig['proxyMetadata']),
      ...asDictionary(own['proxyMetadata']),
    },
  };
  const address = annotations[Annotation.discoveryAddress];
  if (address !== undefined) merged['discoveryAddress'] = address;
  return merged;
}

const defaultDiscoveryAddress = (revision: string): string =>
  `istiod${revision === 'default' ? '' : `-${revision}`}.istio-system.svc:15012`;

function readAnnotation(text: string | undefined): Dictionary {
  if (text === undefined || text.trim() === '') return {};
  try {
    const value = parse(text, { maxAliasCount: 0 }) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Dictionary;
  } catch (cause) {
    throw new TemplateError(`annotation ${Annotation.proxyConfig} is not YAML: ${(cause as Error).message}`);
  }
  throw new TemplateError(`annotation ${Annotation.proxyConfig} is no mapping; fields of ProxyConfig are expected`);
}

/** A mapping, or an empty one. */
export const asDictionary = (value: unknown): Dictionary =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Dictionary) : {};
