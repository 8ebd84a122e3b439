// envoy.config.core.v3.DataSource: bytes in the resource, in a file or in the environment.
import { readFileSync } from 'node:fs';

export interface DataSource {
  readonly filename?: string;
  readonly inlineBytes?: Uint8Array;
  readonly inlineString?: string;
  readonly environmentVariable?: string;
}

/** @throws if it names a file that cannot be read */
export function readDataSource(source: DataSource): string {
  if (source.inlineString) return source.inlineString;
  if (source.filename) return readFileSync(source.filename, 'utf8');
  if (source.environmentVariable) return process.env[source.environmentVariable] ?? '';
  return Buffer.from(source.inlineBytes ?? []).toString('utf8');
}
