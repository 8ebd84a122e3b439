// The content of ConfigMap, Secret, downward API and projected volumes, as path -> bytes.
import { findField, findResource, type NodeCapacity, type PodAddresses } from '../pod/fields.ts';
import type { ConfigSource } from '../pod/environment.ts';
import type { ConfigMap, DownwardItem, KeyToPath, Pod, Secret, Volume, VolumeProjection } from '../pod-types.ts';
import { checkVolumePath, type VolumeFile } from './atomic-writer.ts';

export interface TokenSource {
  /** A current token of the pod's service account for one audience. */
  token(pod: Pod, audience: string | undefined, expirationSeconds: number): Promise<string>;
}

export interface VolumeInput {
  readonly pod: Pod;
  readonly addresses: PodAddresses;
  readonly node: NodeCapacity;
  readonly source: ConfigSource;
  readonly tokens: TokenSource;
}

type Files = Map<string, VolumeFile>;

const defaultTokenSeconds = 3600;

function select(
  all: ReadonlyMap<string, Uint8Array>,
  items: KeyToPath[] | undefined,
  mode: number,
  optional: boolean,
  what: string,
): Files {
  const files: Files = new Map();
  if (items === undefined) {
    for (const [key, data] of all) files.set(key, { data, mode });
    return files;
  }
  for (const item of items) {
    checkVolumePath(item.path);
    const data = all.get(item.key);
    if (data === undefined) {
      if (optional) continue;
      throw new Error(`${what} references non-existent key: ${item.key}`);
    }
    files.set(item.path, { data, mode: item.mode ?? mode });
  }
  return files;
}

const configMapData = (map: ConfigMap | undefined): Map<string, Uint8Array> =>
  new Map([
    ...Object.entries(map?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(map?.binaryData ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const),
  ]);

const secretData = (secret: Secret | undefined): Map<string, Uint8Array> =>
  new Map(Object.entries(secret?.data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const));

interface NamedSource {
  readonly name?: string;
  readonly items?: KeyToPath[];
  readonly optional?: boolean;
}

async function configMapFiles(input: VolumeInput, from: NamedSource, mode: number): Promise<Files> {
  const name = from.name ?? '';
  const map = await input.source.configMap(input.pod.metadata.namespace ?? 'default', name);
  if (map === undefined && from.optional !== true) throw new Error(`configmap "${name}" not found`);
  return select(configMapData(map), from.items, mode, from.optional === true, `configmap "${name}"`);
}

async function secretFiles(input: VolumeInput, from: NamedSource, mode: number): Promise<Files> {
  const name = from.name ?? '';
  const secret = await input.source.secret(input.pod.metadata.namespace ?? 'default', name);
  if (secret === undefined && from.optional !== true) throw new Error(`secret "${name}" not found`);
  return select(secretData(secret), from.items, mode, from.optional === true, `secret "${name}"`);
}

function downwardFiles(input: VolumeInput, items: readonly DownwardItem[], mode: number): Files {
  const files: Files = new Map();
  for (const item of items) {
    checkVolumePath(item.path);
    const text =
      item.fieldRef !== undefined
        ? findField(input.pod, item.fieldRef.fieldPath, input.addresses)
        : item.resourceFieldRef !== undefined
          ? findResource(input.pod, undefined, item.resourceFieldRef, input.node)
          : '';
    files.set(item.path, { data: Buffer.from(text), mode: item.mode ?? mode });
  }
  return files;
}

async function projectionFiles(input: VolumeInput, from: VolumeProjection, mode: number): Promise<Files> {
  if (from.configMap !== undefined) return configMapFiles(input, from.configMap, mode);
  if (from.secret !== undefined) return secretFiles(input, from.secret, mode);
  if (from.downwardAPI !== undefined) return downwardFiles(input, from.downwardAPI.items ?? [], mode);
  if (from.serviceAccountToken !== undefined) {
    const { audience, expirationSeconds, path } = from.serviceAccountToken;
    checkVolumePath(path);
    const token = await input.tokens.token(input.pod, audience, expirationSeconds ?? defaultTokenSeconds);
    return new Map([[path, { data: Buffer.from(token), mode }]]);
  }
  throw new Error(
    `a projected source of kind ${Object.keys(from).join(', ') || '(none)'} is not supported by the embedded cluster`,
  );
}

/** Files of a volume whose content comes from the API; undefined for other kinds of volume. */
export async function tryVolumeFiles(input: VolumeInput, volume: Volume): Promise<Files | undefined> {
  if (volume.configMap !== undefined)
    return configMapFiles(input, volume.configMap, volume.configMap.defaultMode ?? 0o644);
  if (volume.secret !== undefined) {
    const { secretName, ...rest } = volume.secret;
    return secretFiles(
      input,
      { ...rest, ...(secretName === undefined ? {} : { name: secretName }) },
      volume.secret.defaultMode ?? 0o644,
    );
  }
  if (volume.downwardAPI !== undefined) {
    return downwardFiles(input, volume.downwardAPI.items ?? [], volume.downwardAPI.defaultMode ?? 0o644);
  }
  if (volume.projected !== undefined) {
    const files: Files = new Map();
    for (const from of volume.projected.sources ?? []) {
      for (const [path, file] of await projectionFiles(input, from, volume.projected.defaultMode ?? 0o644))
        files.set(path, file);
    }
    return files;
  }
  return undefined;
}
