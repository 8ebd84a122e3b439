// ConfigMap istio (key `mesh`, YAML) -> the part of MeshConfig that the model reads, defaults filled in.
import { parse } from 'yaml';
import { tryDurationMs } from '#api/duration.ts';
import { defaultMeshSettings, type MeshSettings } from '../model/resources.ts';

/** Larger texts are refused. */
const MAX_BYTES = 1024 * 1024;

type Fields = Readonly<Record<string, unknown>>;

/** Throws an Error with a sentence where the text is no mesh configuration. */
export function parseMeshSettings(text: string | undefined): MeshSettings {
  if (text === undefined || text.trim() === '') return defaultMeshSettings;
  if (text.length > MAX_BYTES)
    throw new Error(`mesh configuration of ${text.length} bytes, at most ${MAX_BYTES} are read`);
  const value: unknown = parse(text, { maxAliasCount: 100 });
  if (value === null) return defaultMeshSettings;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error('mesh configuration must be a mapping of MeshConfig fields');
  const fields = value as Fields;
  const timeoutMs = tryDurationMs(textOf(fields['connectTimeout']) ?? '');
  return {
    ...defaultMeshSettings,
    rootNamespace: textOf(fields['rootNamespace']) ?? defaultMeshSettings.rootNamespace,
    trustDomain: textOf(fields['trustDomain']) ?? defaultMeshSettings.trustDomain,
    outboundTrafficPolicy:
      (fields['outboundTrafficPolicy'] as Fields | undefined)?.['mode'] === 'REGISTRY_ONLY'
        ? 'REGISTRY_ONLY'
        : 'ALLOW_ANY',
    enableAutoMtls: fields['enableAutoMtls'] !== false,
    accessLogFile: textOf(fields['accessLogFile']) ?? '',
    connectTimeoutSeconds: timeoutMs === undefined ? defaultMeshSettings.connectTimeoutSeconds : timeoutMs / 1000,
  };
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
