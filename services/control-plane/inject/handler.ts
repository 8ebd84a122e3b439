// HTTP around injectReview: content type, size and JSON are checked here; the port and TLS belong to main.ts.
import {
  type AdmissionReview,
  type InjectionConfig,
  type InjectionOutcome,
  injectReview,
  outcomeOf,
} from './inject-review.ts';

/** One HTTP request to a webhook, body read whole (bounded by the server). */
export interface WebhookRequest {
  /** Path with query. */
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: Uint8Array;
}
/** What the server writes back. */
export interface WebhookResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

const text = (status: number, body: string): WebhookResponse => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});

/** Handler of POST /inject and /inject/... on 15017; the configuration is asked for on every call, so it may change. */
export function createInjectHandler(options: {
  readonly config: () => InjectionConfig | undefined;
  /** Counts for metrics. */
  readonly onOutcome?: (outcome: InjectionOutcome) => void;
  readonly log?: (line: string) => void;
}): (request: WebhookRequest) => Promise<WebhookResponse> {
  const { log = () => {}, onOutcome = () => {} } = options;
  return async ({ path, contentType, body }) => {
    if (body.length === 0) return text(400, 'no body found');
    if (contentType?.split(';')[0]?.trim() !== 'application/json')
      return text(415, 'invalid Content-Type, want `application/json`');
    const config = options.config();
    if (config === undefined)
      return text(
        503,
        'no injection configuration yet: ConfigMap istio-sidecar-injector is missing or wrong, see the log of istiod',
      );
    let review: AdmissionReview;
    try {
      review = JSON.parse(Buffer.from(body).toString('utf8')) as AdmissionReview;
      if (typeof review?.request?.uid !== 'string') return text(400, 'the body is no AdmissionReview with a request');
    } catch (error) {
      return text(400, `the body is not JSON: ${(error as Error).message}`);
    }
    const answer = injectReview(review, config, path);
    const outcome = outcomeOf(answer);
    onOutcome(outcome);
    const who = `${review.request.namespace ?? 'default'}/${podName(review)}`;
    log(outcome === 'failed' ? `${who}: ${answer.response?.status?.message}` : `${who}: ${outcome}`);
    return { status: 200, contentType: 'application/json', body: JSON.stringify(answer) };
  };
}

function podName(review: AdmissionReview): string {
  const metadata = (review.request?.object as { metadata?: { name?: string; generateName?: string } } | undefined)
    ?.metadata;
  return metadata?.name ?? metadata?.generateName ?? '?';
}
