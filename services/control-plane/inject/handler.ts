// HTTP around injectReview: content type, size and JSON are checked here; the port and TLS belong to main.ts.
import type { InjectionConfig } from './inject-review.ts';

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

/** Handler of POST /inject and /inject/... on 15017; the configuration is asked for on every call, so it may change. */
export function createInjectHandler(_options: {
  readonly config: () => InjectionConfig | undefined;
  readonly log?: (line: string) => void;
}): (request: WebhookRequest) => Promise<WebhookResponse> {
  throw new Error('BUG: the injection handler is not built yet');
}
