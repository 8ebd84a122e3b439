// The validating webhook: AdmissionReview in, AdmissionReview out, decided by the validators of constructs/api. Pure.
// Not in scope: who calls it (the control plane's webhook server on 15017) and the registration of the webhook.
import { formatProblem, isError } from '#api/problem.ts';
import { tryKind } from '#api/registry.ts';

/** Larger reviews are refused; an API server's own limit is 3 MiB. */
export const MAX_REVIEW_BYTES = 4 * 1024 * 1024;
/** Warnings of a response; an API server truncates beyond 4096 bytes in all. */
const MAX_WARNINGS = 20;

interface AdmissionRequest {
  readonly uid: string;
  readonly operation: string;
  readonly namespace?: string | undefined;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly object?: unknown;
}

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
}

export interface AdmissionReview {
  readonly apiVersion: string;
  readonly kind: 'AdmissionReview';
  readonly response: AdmissionResponse;
}

/** What a webhook server answers. */
export interface WebhookAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** The HTTP side: media type, size and JSON are checked here. `warn` and `deny` messages name the field and the remedy. */
export function answerValidation(contentType: string | undefined, body: Uint8Array | string): WebhookAnswer {
  const failure = (status: number, message: string): WebhookAnswer => ({
    status,
    contentType: 'text/plain',
    body: message,
  });
  if (body.length === 0) return failure(400, 'no body found');
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/json')
    return failure(415, 'invalid Content-Type, want `application/json`');
  if (body.length > MAX_REVIEW_BYTES)
    return failure(413, `review of ${body.length} bytes, at most ${MAX_REVIEW_BYTES} are accepted`);
  let review: unknown;
  try {
    review = JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body));
  } catch (error) {
    return failure(400, `could not decode body: ${(error as Error).message}`);
  }
  if (!isRequest(review)) return failure(400, 'could not decode body: not an AdmissionReview with a request');
  return { status: 200, contentType: 'application/json', body: JSON.stringify(reviewAdmission(review)) };
}

/** Decides on one review. Only CREATE and UPDATE are looked at; everything else passes. */
export function reviewAdmission(review: {
  readonly apiVersion?: string | undefined;
  readonly request: AdmissionRequest;
}): AdmissionReview {
  return {
    apiVersion: review.apiVersion ?? 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: decide(review.request),
  };
}

function decide(request: AdmissionRequest): AdmissionResponse {
  const { uid, kind } = request;
  if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return { uid, allowed: true };
  const definition = tryKind(kind.group, kind.kind);
  if (!definition) return deny(uid, `unrecognized type ${kind.group}/${kind.version} ${kind.kind}`);
  const problems = definition.validate(withNamespace(request.object, request.namespace));
  const warnings = problems
    .filter((problem) => !isError(problem))
    .slice(0, MAX_WARNINGS)
    .map(formatProblem);
  const errors = problems.filter(isError);
  const response =
    errors.length === 0
      ? { uid, allowed: true }
      : deny(uid, `configuration is invalid: ${errors.map(formatProblem).join('; ')}`);
  return warnings.length === 0 ? response : { ...response, warnings };
}

const deny = (uid: string, message: string): AdmissionResponse => ({
  uid,
  allowed: false,
  status: { code: 400, reason: 'Invalid', message },
});

/** Objects in requests may leave the namespace to the URL. */
function withNamespace(object: unknown, namespace: string | undefined): unknown {
  if (typeof object !== 'object' || object === null || !namespace) return object;
  const { metadata } = object as { metadata?: object };
  return { ...object, metadata: { namespace, ...metadata } };
}

function isRequest(value: unknown): value is { apiVersion?: string; request: AdmissionRequest } {
  const request = (value as { request?: Partial<AdmissionRequest> } | null)?.request;
  return (
    typeof request === 'object' &&
    request !== null &&
    typeof request.uid === 'string' &&
    typeof request.kind === 'object' &&
    request.kind !== null
  );
}
