// The body of a PATCH as a function of the object that it changes.
import { applyPatch, type Operation } from 'rfc6902';
import type { ResourceDefinition } from '../kinds/definition.ts';
import { type ApiObject, clone, type Fields, isFields } from '../object.ts';
import { mergePatch } from '../patch/json-merge.ts';
import { strategicMerge } from '../patch/strategic.ts';
import * as status from '../status.ts';

/** A patch as a function of the object. */
export function patchOf(type: string, body: Buffer, definition: ResourceDefinition): (before: ApiObject) => Fields {
  let patch: unknown;
  try {
    patch = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw status.badRequest(`error decoding patch: ${error instanceof Error ? error.message : String(error)}`);
  }
  switch (type) {
    case 'application/json-patch+json': {
      if (!Array.isArray(patch))
        throw status.badRequest(
          'error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch',
        );
      if (patch.length > 10_000)
        throw new status.ApiError(
          413,
          'RequestEntityTooLarge',
          `The allowed maximum operations in a JSON patch is 10000, got ${patch.length}`,
        );
      return (before) => {
        const target = clone(before);
        const errors = applyPatch(target, clone(patch) as Operation[]);
        const failed = errors.find((error) => error !== null);
        if (failed !== undefined && failed !== null)
          throw new status.ApiError(
            422,
            'Invalid',
            'the server rejected our request due to an error in our request',
            {},
          );
        return target;
      };
    }
    case 'application/merge-patch+json':
      return (before) => mergePatch(before, patch) as Fields;
    case 'application/strategic-merge-patch+json':
      if (definition.custom !== undefined)
        throw status.unsupportedMediaType(
          'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
        );
      if (!isFields(patch)) throw status.badRequest('error decoding patch: expected an object');
      return (before) => strategicMerge(before, patch, definition.schema);
    default:
      throw status.unsupportedMediaType(
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml, application/apply-patch+cbor',
      );
  }
}
