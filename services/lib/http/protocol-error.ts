// What a peer did wrong in HTTP, with the status that answers it and Envoy's name for it in access logs.

export class HttpProtocolError extends Error {
  readonly status: number;
  /** RESPONSE_CODE_DETAILS of the access log. */
  readonly details: string;

  constructor(status: number, details: string, message: string) {
    super(message);
    this.name = 'HttpProtocolError';
    this.status = status;
    this.details = details;
  }
}
