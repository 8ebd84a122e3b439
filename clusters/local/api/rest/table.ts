// Answers as `Table` (kubectl's columns) or partial metadata, when a client asks for them by its Accept header.
import { ageColumn, nameColumn } from '../kinds/columns.ts';
import type { Column, ResourceDefinition } from '../kinds/definition.ts';
import type { ApiObject, Fields } from '../object.ts';

export type Presentation = 'full' | 'table' | 'metadata';

/** What the Accept header asks for. */
export function presentationOf(accept: string): Presentation {
  for (const part of accept.split(',')) {
    const params = new Map(
      part
        .split(';')
        .slice(1)
        .map((item) => item.trim().split('=') as [string, string]),
    );
    if (params.get('g') === 'meta.k8s.io' || params.get('as') !== undefined) {
      if (params.get('as') === 'Table') return 'table';
      if (params.get('as') === 'PartialObjectMetadata' || params.get('as') === 'PartialObjectMetadataList')
        return 'metadata';
      continue;
    }
    const type = part.split(';')[0]!.trim();
    if (type === 'application/json' || type === '*/*' || type === '') return 'full';
  }
  return 'full';
}

const createdAt: Column = {
  name: 'Created At',
  type: 'date',
  cell: (object) => object.metadata.creationTimestamp ?? '',
};
const columnsOf = (definition: ResourceDefinition): readonly Column[] =>
  definition.rules.columns ?? (definition.custom === undefined ? [nameColumn, createdAt] : [nameColumn, ageColumn]);

export function toPartialMetadata(object: ApiObject): Fields {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

export function toTable(
  objects: readonly ApiObject[],
  definition: ResourceDefinition,
  listMeta: Fields,
  include: string,
  withHeader = true,
): Fields {
  const columns = columnsOf(definition);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMeta,
    columnDefinitions: withHeader
      ? columns.map((column) => ({
          name: column.name,
          type: column.type ?? 'string',
          format: column.format ?? '',
          description: column.description ?? '',
          priority: column.wide === true ? 1 : 0,
        }))
      : null,
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object)),
      ...(include === 'None' ? {} : { object: include === 'Object' ? object : toPartialMetadata(object) }),
    })),
  };
}
