// Short stable names for pod templates: FNV-1a over canonical JSON, in the alphabet of Kubernetes' generated names.

const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** `pod-template-hash`, `controller-revision-hash`: equal templates and collision counts give equal hashes. */
export function templateHash(template: unknown, collisionCount = 0): string {
  const text = collisionCount > 0 ? `${canonicalJson(template)}#${collisionCount}` : canonicalJson(template);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return [...String(hash)].map((digit) => ALPHABET[digit.charCodeAt(0) % ALPHABET.length]).join('');
}

/** JSON with sorted keys and without undefined and null: what differs only in spelling is equal. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(canonical(value)) ?? 'null';
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value)
    .map(([key, field]) => [key, canonical(field)] as const)
    .filter(([, field]) => field !== undefined && field !== null);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}
