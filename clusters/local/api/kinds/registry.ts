// The list of resources that are served: built-in kinds from their groups' files, and those of CRDs as they come and go.
import { shapeNameOf, shapeRef } from '../shapes/shapes.ts';
import type { KindRules, ResourceDefinition, ScaleRules } from './definition.ts';

/** A row of a group's table: `[plural, Kind, options]`. */
export interface KindRow {
  readonly resource: string;
  readonly kind: string;
  readonly cluster?: boolean;
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly status?: boolean;
  readonly generation?: boolean;
  readonly scale?: ScaleRules;
  readonly subresources?: ResourceDefinition['subresources'];
  readonly rules?: KindRules;
  readonly storage?: string;
  readonly conversion?: ResourceDefinition['conversion'];
}

/** Definitions of one group and version from its table. */
export function groupOf(group: string, version: string, rows: readonly KindRow[]): ResourceDefinition[] {
  return rows.map((row) => {
    const shape = shapeNameOf(group, version, row.kind);
    if (shape === undefined) throw new Error(`BUG: no shape for ${group}/${version} ${row.kind}`);
    return {
      group,
      version,
      resource: row.resource,
      singular: row.kind.toLowerCase(),
      kind: row.kind,
      listKind: `${row.kind}List`,
      namespaced: row.cluster !== true,
      shortNames: row.short ?? [],
      categories: row.categories ?? [],
      hasStatus: row.status === true,
      hasGeneration: row.generation === true,
      scale: row.scale,
      subresources: row.subresources ?? [],
      storage: row.storage ?? `${group}/${row.resource}`,
      schema: shapeRef(shape),
      rules: row.rules ?? {},
      conversion: row.conversion,
    };
  });
}

export class ResourceRegistry {
  readonly #builtIn: readonly ResourceDefinition[];
  #custom: readonly ResourceDefinition[] = [];
  #index = new Map<string, ResourceDefinition>();
  /** Counts changes, for caches of discovery and OpenAPI. */
  generation = 0;

  constructor(builtIn: readonly ResourceDefinition[]) {
    this.#builtIn = builtIn;
    this.#reindex();
  }

  get all(): readonly ResourceDefinition[] {
    return [...this.#builtIn, ...this.#custom];
  }

  get custom(): readonly ResourceDefinition[] {
    return this.#custom;
  }

  setCustom(definitions: readonly ResourceDefinition[]): void {
    this.#custom = definitions;
    this.#reindex();
  }

  #reindex(): void {
    this.#index = new Map(this.all.map((item) => [`${item.group}/${item.version}/${item.resource}`, item]));
    this.generation += 1;
  }

  find(group: string, version: string, resource: string): ResourceDefinition | undefined {
    return this.#index.get(`${group}/${version}/${resource}`);
  }

  findKind(group: string, version: string, kind: string): ResourceDefinition | undefined {
    return this.all.find((item) => item.group === group && item.version === version && item.kind === kind);
  }

  /** Any version of a resource. */
  findResource(group: string, resource: string): ResourceDefinition | undefined {
    return this.all.find((item) => item.group === group && item.resource === resource);
  }

  hasVersion(group: string, version: string): boolean {
    return this.all.some((item) => item.group === group && item.version === version);
  }

  /** Groups with their versions, preferred first, core left out. */
  groups(): { readonly name: string; readonly versions: readonly string[] }[] {
    const groups = new Map<string, string[]>();
    for (const item of this.all) {
      if (item.group === '') continue;
      const versions = groups.get(item.group) ?? [];
      if (!versions.includes(item.version)) versions.push(item.version);
      groups.set(item.group, versions);
    }
    return [...groups].map(([name, versions]) => ({ name, versions: [...versions].sort(byPriority) }));
  }
}

/** v2 before v1 before v1beta2 before v1alpha1, as upstream orders versions. */
export function byPriority(a: string, b: string): number {
  const rank = (version: string): [number, number, number] => {
    const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
    if (match === null) return [3, 0, 0];
    return [match[2] === undefined ? 0 : match[2] === 'beta' ? 1 : 2, -Number(match[1]), -Number(match[3] ?? 0)];
  };
  const [left, right] = [rank(a), rank(b)];
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2] || (a < b ? -1 : 1);
}
