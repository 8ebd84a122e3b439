// Errors of the API as `Status` objects, with the reasons and words that kubectl and client-go know.
import type { Fields } from './object.ts';

export interface StatusCause {
  readonly reason?: string | undefined;
  readonly message: string;
  readonly field?: string | undefined;
}

export interface StatusDetails {
  readonly name?: string | undefined;
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly uid?: string | undefined;
  readonly causes?: readonly StatusCause[] | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** A request's failure; thrown anywhere, written once by the request handler. */
export class ApiError extends Error {
  readonly code: number;
  readonly reason: string;
  readonly details: StatusDetails | undefined;

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  toStatus(): Fields {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details === undefined ? {} : { details: JSON.parse(JSON.stringify(this.details)) }),
      code: this.code,
    };
  }
}

/** What an error speaks of. */
export interface Named {
  readonly group: string;
  readonly resource: string;
}

const qualified = (of: Named): string => (of.group === '' ? of.resource : `${of.resource}.${of.group}`);
const detailsOf = (of: Named, name: string): StatusDetails => ({
  name: name === '' ? undefined : name,
  group: of.group === '' ? undefined : of.group,
  kind: of.resource,
});

export const notFound = (of: Named, name: string): ApiError =>
  new ApiError(404, 'NotFound', `${qualified(of)} "${name}" not found`, detailsOf(of, name));
export const pathNotFound = (): ApiError =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {});
export const alreadyExists = (of: Named, name: string): ApiError =>
  new ApiError(409, 'AlreadyExists', `${qualified(of)} "${name}" already exists`, detailsOf(of, name));
export const conflict = (of: Named, name: string, why: string): ApiError =>
  new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(of)} "${name}": ${why}`,
    detailsOf(of, name),
  );
export const staleObject = (of: Named, name: string): ApiError =>
  conflict(of, name, 'the object has been modified; please apply your changes to the latest version and try again');
export const badRequest = (message: string): ApiError => new ApiError(400, 'BadRequest', message);
export const forbidden = (of: Named, name: string, why: string): ApiError =>
  new ApiError(
    403,
    'Forbidden',
    `${qualified(of)}${name === '' ? ' ' : ` "${name}" `}is forbidden: ${why}`,
    detailsOf(of, name),
  );
export const unauthorized = (): ApiError => new ApiError(401, 'Unauthorized', 'Unauthorized');
export const methodNotAllowed = (): ApiError =>
  new ApiError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const expired = (message: string): ApiError => new ApiError(410, 'Expired', message);
export const internal = (message: string): ApiError =>
  new ApiError(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
export const unsupportedMediaType = (message: string): ApiError =>
  new ApiError(415, 'UnsupportedMediaType', message, {});

/** One problem of one field, as `field.Error` of apimachinery prints it. */
export interface FieldProblem {
  readonly type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid';
  readonly field: string;
  readonly message: string;
}

/** 422 with one cause per problem. */
export function invalid(group: string, kind: string, name: string, problems: readonly FieldProblem[]): ApiError {
  const texts = problems.map((problem) => `${problem.field}: ${problem.message}`);
  const unique = [...new Set(texts)];
  const body = unique.length === 1 ? unique[0]! : `[${unique.join(', ')}]`;
  const qualifiedKind = group === '' ? kind : `${kind}.${group}`;
  return new ApiError(422, 'Invalid', `${qualifiedKind} "${name}" is invalid: ${body}`, {
    name: name === '' ? undefined : name,
    group: group === '' ? undefined : group,
    kind,
    causes: problems.map((problem) => ({ reason: problem.type, message: problem.message, field: problem.field })),
  });
}
