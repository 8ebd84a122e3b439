// Access loggers of listeners, connection managers and TCP proxies: files and streams, in Envoy's text or JSON formats.
import {
  type AccessLogFormat,
  compileJsonFormat,
  compileTextFormat,
  ENVOY_TEXT_FORMAT,
} from '#lib/telemetry/access-log.ts';
import { plainStruct } from './struct.ts';
import { unpackTyped, type TypedConfig } from './typed.ts';

type Fields = Readonly<Record<string, unknown>>;

const STDOUT = new Set(['/dev/stdout', '/dev/stderr', '/dev/fd/1', '/dev/fd/2', '']);

/** Loggers of other kinds (gRPC, OpenTelemetry) are left out; whoever serves them says so. */
export function compileAccessLogs(loggers: readonly Fields[] | undefined): AccessLogFormat[] {
  return (loggers ?? []).flatMap((logger) => {
    const typed = logger['typedConfig'] as TypedConfig | undefined;
    if (typed === undefined) return [];
    const { type, message } = unpackTyped(typed);
    const isFile = type.endsWith('.FileAccessLog');
    if (!isFile && !/\.(?:Stdout|Stderr)AccessLog$/.test(type)) return [];
    if (isFile && !STDOUT.has(String(message['path'] ?? ''))) return [];
    return [formatOf(message)];
  });
}

function formatOf(message: Fields): AccessLogFormat {
  const format = message['logFormat'] as Fields | undefined;
  const omitEmpty = format?.['omitEmptyValues'] === true;
  const json = (format?.['jsonFormat'] ?? message['jsonFormat'] ?? message['typedJsonFormat']) as Fields | undefined;
  if (json != null) return compileJsonFormat(plainStruct(json), omitEmpty);
  const source = format?.['textFormatSource'] as { inlineString?: string } | undefined;
  const text =
    source?.inlineString ?? (format?.['textFormat'] as string | undefined) ?? (message['format'] as string | undefined);
  return compileTextFormat(text || ENVOY_TEXT_FORMAT);
}
