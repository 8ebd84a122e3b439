// Answers for upstreams that failed, in Envoy's words.
import type { ResetReason } from '../upstream/http1-connection.ts';
import { failure } from './layer.ts';

export function reasonText(detail: string): string {
  return detail.replace(/[^\x21-\x7e]+/g, '_');
}

export function connectBody(detail: string): string {
  const transport = detail === '' ? '' : `, transport failure reason: ${detail}`;
  return `upstream connect error or disconnect/reset before headers. reset reason: remote connection failure${transport}`;
}

export function resetReply(reason: ResetReason, detail: string, retried: boolean): ReturnType<typeof failure> {
  const text = retried
    ? 'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: '
    : 'upstream connect error or disconnect/reset before headers. reset reason: ';
  switch (reason) {
    case 'connect-failure':
      return failure(
        503,
        'UF',
        'upstream_reset_before_response_started{remote_connection_failure}',
        connectBody(detail),
      );
    case 'connect-timeout':
      return failure(
        503,
        'UF',
        'upstream_reset_before_response_started{connection_timeout}',
        `${text}connection timeout`,
      );
    case 'refused-stream':
      return failure(
        503,
        'UR',
        'upstream_reset_before_response_started{remote_refused_stream_reset}',
        `${text}remote refused stream reset`,
      );
    case 'protocol-error':
      return failure(502, 'UPE', 'upstream_reset_before_response_started{protocol_error}', `${text}protocol error`);
    case 'reset':
      return failure(
        503,
        'UC',
        'upstream_reset_before_response_started{connection_termination}',
        `${text}connection termination`,
      );
  }
}
