// What the API server answered when it refused: its Status object, as an Error that names the request.

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
export interface Status {
  kind?: string;
  apiVersion?: string;
  status?: string;
  message?: string;
  reason?: string;
  code?: number;
  details?: {
    name?: string;
    group?: string;
    kind?: string;
    retryAfterSeconds?: number;
    causes?: { reason?: string; message?: string; field?: string }[];
  };
}

/** The server's own refusal: `code` is the HTTP status, `reason` Kubernetes' word for it. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: number;
  readonly reason: string;
  readonly status: Status;

  constructor(request: string, code: number, status: Status) {
    super(`${request}: ${status.message ?? `the server answered ${code}`}`);
    this.code = code;
    this.reason = status.reason ?? '';
    this.status = status;
  }
}

/** The request never got an answer, or an answer that is not the API's: connection, TLS, size or time. */
export class KubeConnectionError extends Error {
  override readonly name = 'KubeConnectionError';
}

const hasCode = (error: unknown, code: number): boolean => error instanceof KubeError && error.code === code;

export const isNotFound = (error: unknown): boolean => hasCode(error, 404);
/** Somebody else wrote first: read again and retry. */
export const isConflict = (error: unknown): boolean => hasCode(error, 409) && !isAlreadyExists(error);
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof KubeError && error.code === 409 && error.reason === 'AlreadyExists';
/** The resource version is too old to watch or to continue a list from. */
export const isGone = (error: unknown): boolean => hasCode(error, 410);
export const isForbidden = (error: unknown): boolean => hasCode(error, 403);
export const isUnauthorized = (error: unknown): boolean => hasCode(error, 401);
export const isInvalid = (error: unknown): boolean => hasCode(error, 422);
/** An eviction refused by a budget, or a server that asks to slow down. */
export const isTooManyRequests = (error: unknown): boolean => hasCode(error, 429);
/** Worth trying again without any change: no answer, throttled, or a fault of the server. */
export const isTransient = (error: unknown): boolean =>
  error instanceof KubeConnectionError || (error instanceof KubeError && (error.code === 429 || error.code >= 500));
