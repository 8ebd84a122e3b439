// Takes out of answers what must differ between two servers: uids, times, versions, addresses given out, random names.

const dropped = new Set([
  'uid',
  'creationTimestamp',
  'resourceVersion',
  'time',
  'lastTransitionTime',
  'deletionTimestamp',
  'continue',
  'remainingItemCount',
  'storageVersionHash',
  'selfLink',
]);

export function normalise(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => normalise(item, key));
  if (typeof value === 'string')
    return value
      .replace(/kube-api-access-[a-z0-9]{5}/g, 'kube-api-access-xxxxx')
      .replace(/\b10\.96\.\d+\.\d+/g, '10.96.x.x')
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'uid');
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name, child]) => {
    if (dropped.has(name)) return false;
    // Which fields the Go server prints empty is no matter of meaning: null and {} in some places, nothing in others.
    return child !== null && !(name === 'description' && key === 'columnDefinitions');
  });
  return Object.fromEntries(
    entries
      .map(([name, child]) => [name, name === 'cells' ? '' : normalise(child, name)] as const)
      .map(([name, child]) => [name, name === 'cells' ? cells((value as { cells: unknown[] }).cells) : child]),
  );
}

/** Ages differ by the seconds between two servers. */
const cells = (row: readonly unknown[]): unknown[] =>
  row.map((cell) => (typeof cell === 'string' && /^(\d+[smhdy])+$/.test(cell) ? 'age' : normalise(cell)));
