// Reads bodies (JSON, YAML) into objects of a kind, with the field validation that the client asked for.
import { parseDocument } from 'yaml';
import { type ResourceDefinition, apiVersionOf } from '../kinds/definition.ts';
import { type ApiObject, type Fields, isFields, rec } from '../object.ts';
import { decodeShape } from '../shapes/decode.ts';
import { readProtobuf } from '../shapes/protobuf.ts';
import { objectMetaShape, type Schema } from '../shapes/shapes.ts';
import { pruneUnknown } from '../crd/structural.ts';
import { badRequest, unsupportedMediaType } from '../status.ts';
import type { ApiRequest } from './request.ts';

export function parseBody(body: Buffer, contentType: string): Fields {
  const type = contentType.split(';')[0]!.trim().toLowerCase();
  if (type === 'application/vnd.kubernetes.protobuf') return readProtobuf(body);
  if (type === 'application/cbor')
    throw unsupportedMediaType(
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
    );
  let value: unknown;
  try {
    if (type.endsWith('yaml')) value = parseYaml(body.toString('utf8'));
    else value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw badRequest(
      `the object provided is unrecognized (must be of type application/json or application/yaml): ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (!isFields(value)) throw badRequest('the object provided is unrecognized: expected a JSON object');
  return value;
}

/** YAML 1.1 or JSON, without aliases that blow up. */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: false });
  if (document.errors.length > 0) throw document.errors[0]!;
  return document.toJS({ maxAliasCount: 100 });
}

/** `Strict` refuses unknown fields, `Warn` (the default) warns of them, `Ignore` drops them silently. */
export function reportUnknown(
  kind: string,
  unknown: readonly string[],
  request: ApiRequest,
  duplicates: readonly string[] = [],
): void {
  const problems = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (problems.length === 0) return;
  const mode = request.query.get('fieldValidation') ?? 'Warn';
  if (mode === 'Strict') throw badRequest(`${kind}strict decoding error: ${problems.join(', ')}`);
  if (mode === 'Warn') request.warnings.push(...problems);
}

/** An object of a kind from raw JSON: checked type by type, unknown fields dropped and reported. */
export function toObject(
  raw: Fields,
  definition: ResourceDefinition,
  request: ApiRequest,
  schema: Schema = definition.schema,
): ApiObject {
  const expected = apiVersionOf(definition);
  const { apiVersion = expected, kind = definition.kind } = raw;
  if (apiVersion !== expected || kind !== definition.kind)
    throw badRequest(
      apiVersion !== expected
        ? `the API version in the data (${String(apiVersion)}) does not match the expected API version (${expected})`
        : `${String(kind)} in version ${JSON.stringify(definition.version)} cannot be handled as a ${definition.kind}: no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(expected)}`,
    );
  const input: Fields = { ...raw, apiVersion, kind };
  let object: ApiObject;
  if (definition.custom !== undefined) {
    const { value, unknown } = pruneUnknown(input, schema, definition.custom.preserveUnknown);
    const metadata = decodeShape(rec(input['metadata']), objectMetaShape, definition.kind, definition.version);
    reportUnknown(
      prefixOf(definition, request),
      [...unknown, ...metadata.unknown.map((path) => `metadata.${path}`)],
      request,
    );
    object = { ...value, apiVersion, kind, metadata: metadata.value } as unknown as ApiObject;
  } else {
    const { value, unknown } = decodeShape(input, schema, definition.kind, definition.version);
    reportUnknown(prefixOf(definition, request), unknown, request);
    object = value as unknown as ApiObject;
    if (!isFields(object.metadata as unknown)) object.metadata = {} as ApiObject['metadata'];
  }
  if (object.metadata.creationTimestamp === null) delete object.metadata.creationTimestamp;
  return object;
}

/** Patches are decoded without these words upstream. */
function prefixOf({ kind, version }: ResourceDefinition, request: ApiRequest): string {
  return request.method === 'PATCH'
    ? ''
    : `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${kind}: `;
}
