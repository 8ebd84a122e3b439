// Reads the downward API's files /etc/istio/pod/labels and annotations: one key="quoted value" per line.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const MAX_FILE_BYTES = 1024 * 1024;

/** Labels and annotations of the pod, as they are now. */
export interface PodInfo {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Missing files mean empty maps: proxies outside Kubernetes have none. */
export function readPodInfo(fileRoot: string): PodInfo {
  const read = (name: string): Record<string, string> => {
    try {
      return parseDownwardApi(readFileSync(join(fileRoot, 'etc/istio/pod', name), 'utf8').slice(0, MAX_FILE_BYTES));
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return {};
      throw error;
    }
  };
  return { labels: read('labels'), annotations: read('annotations') };
}

/** Values are quoted as Go's %q does; a line that is not understood is left out. */
export function parseDownwardApi(text: string): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const equals = line.indexOf('="');
    if (equals <= 0 || !line.endsWith('"') || line.length < equals + 3) continue;
    entries[line.slice(0, equals)] = unquote(line.slice(equals + 2, -1));
  }
  return entries;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' };

function unquote(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gi,
    (_all, x?: string, u?: string, long?: string, one?: string) => {
      const hex = x ?? u ?? long;
      if (hex === undefined) return ESCAPES[one ?? ''] ?? one ?? '';
      const code = Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
    },
  );
}
