// Strategic merge of pods as the API server's types define it: lists with a merge key are merged by it, others replaced.

/** Merge keys of the lists in a pod, by the list's own name. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  resourceClaims: 'name',
};

type Dictionary = Record<string, unknown>;
const isDictionary = (value: unknown): value is Dictionary =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `overlay` over `base`; neither is changed. Null in the overlay removes a key. */
export function strategicMerge(base: unknown, overlay: unknown, key = ''): unknown {
  if (Array.isArray(base) && Array.isArray(overlay)) return mergeLists(base, overlay, key);
  if (!isDictionary(base) || !isDictionary(overlay)) return structuredClone(overlay);
  const merged: Dictionary = { ...base };
  for (const [name, value] of Object.entries(overlay)) {
    if (value === null) delete merged[name];
    else merged[name] = strategicMerge(base[name], value, name);
  }
  return merged;
}

/** Items of the base keep their places; new ones follow. */
function mergeLists(base: readonly unknown[], overlay: readonly unknown[], listName: string): unknown[] {
  const mergeKey = MERGE_KEYS[listName];
  if (mergeKey === undefined || [...base, ...overlay].some((item) => !isDictionary(item)))
    return structuredClone([...overlay]);
  const id = (item: unknown): unknown => (item as Dictionary)[mergeKey];
  const rest = [...overlay];
  const merged = base.map((item) => {
    const at = rest.findIndex((candidate) => id(candidate) === id(item));
    return at === -1 ? item : strategicMerge(item, rest.splice(at, 1)[0]);
  });
  return [...merged, ...structuredClone(rest)];
}
