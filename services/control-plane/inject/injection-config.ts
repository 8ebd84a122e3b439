// Configuration of injection: ConfigMaps istio-sidecar-injector (config, values) and istio (mesh), parsed and checked.
import { parse, stringify } from 'yaml';
import { FIELD_NAMES } from './field-names.ts';
import { parseTemplate, type Template, TemplateError } from './template.ts';

/** ConfigMaps that steer injection, parsed by parseInjectionConfig. */
export interface InjectionSources {
  /** ConfigMap istio-sidecar-injector, key `config` (YAML). */
  readonly injectorConfigYaml: string;
  /** The same, key `values` (JSON). */
  readonly valuesJson: string;
  /** ConfigMap istio, key `mesh` (YAML). */
  readonly meshConfigYaml: string;
  /** The revision this istiod serves. @default 'default' */
  readonly revision?: string;
}

/** metav1.LabelSelector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** Parsed and checked. */
export interface InjectionConfig {
  readonly policy: 'enabled' | 'disabled';
  readonly defaultTemplates: readonly string[];
  readonly templates: ReadonlyMap<string, Template>;
  /** One name for several templates. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  readonly alwaysInjectSelector: readonly LabelSelector[];
  readonly neverInjectSelector: readonly LabelSelector[];
  readonly injectedAnnotations: Readonly<Record<string, string>>;
  readonly values: Values;
  readonly mesh: MeshSettings;
  readonly revision: string;
}

/** A part of a configuration that is looked into without a schema of its own. */
export type Values = Readonly<Record<string, unknown>>;

/** The part of MeshConfig that injection reads. */
export interface MeshSettings {
  readonly defaultConfig: Values;
  readonly trustDomain: string;
  readonly enablePrometheusMerge: boolean;
}

const MAX_BYTES = 2 * 1024 * 1024;

/** Checks the configuration once; throws TemplateError that names the ConfigMap, template and line when it is wrong. */
export function parseInjectionConfig(sources: InjectionSources): InjectionConfig {
  const config = readYaml('ConfigMap istio-sidecar-injector, key config', sources.injectorConfigYaml);
  const mesh = readYaml('ConfigMap istio, key mesh', sources.meshConfigYaml);
  const known = new Set<string>(FIELD_NAMES);
  const templates = new Map(
    Object.entries(dictionary(config['templates'])).map(([name, content]) => {
      const text = typeof content === 'string' ? content : stringify(content, { aliasDuplicateObjects: false });
      return [name, parseTemplate(name, text, known)];
    }),
  );
  const policy = config['policy'] ?? 'enabled';
  if (policy !== 'enabled' && policy !== 'disabled') {
    throw new TemplateError(
      `ConfigMap istio-sidecar-injector: policy is ${JSON.stringify(policy)}; enabled or disabled is expected`,
    );
  }
  const defaultTemplates = Array.isArray(config['defaultTemplates'])
    ? config['defaultTemplates'].map(String)
    : ['sidecar'];
  return {
    policy,
    defaultTemplates: defaultTemplates.length > 0 ? defaultTemplates : ['sidecar'],
    templates,
    aliases: dictionary(config['aliases']) as Record<string, readonly string[]>,
    alwaysInjectSelector: list(config['alwaysInjectSelector']) as readonly LabelSelector[],
    neverInjectSelector: list(config['neverInjectSelector']) as readonly LabelSelector[],
    injectedAnnotations: dictionary(config['injectedAnnotations']) as Record<string, string>,
    values: readYaml('ConfigMap istio-sidecar-injector, key values', sources.valuesJson),
    mesh: {
      defaultConfig: dictionary(mesh['defaultConfig']),
      trustDomain:
        typeof mesh['trustDomain'] === 'string' && mesh['trustDomain'] !== '' ? mesh['trustDomain'] : 'cluster.local',
      enablePrometheusMerge: mesh['enablePrometheusMerge'] !== false,
    },
    revision: sources.revision || 'default',
  };
}

/** A value deep inside, by its path; undefined where anything on the way is missing. */
export function valueAt(values: Values, path: string): unknown {
  let value: unknown = values;
  for (const key of path.split('.')) value = dictionary(value)[key];
  return value;
}

/** The same as text; empty text counts as not set. */
export function textAt(values: Values, path: string): string | undefined {
  const value = valueAt(values, path);
  return value === undefined || value === null || value === '' ? undefined : String(value);
}

const dictionary = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

function readYaml(where: string, text: string): Record<string, unknown> {
  if (text.length > MAX_BYTES) throw new TemplateError(`${where}: ${text.length} bytes; at most ${MAX_BYTES} are read`);
  try {
    return dictionary(parse(text, { maxAliasCount: 100 }) as unknown);
  } catch (cause) {
    throw new TemplateError(`${where}: ${(cause as Error).message}`);
  }
}
