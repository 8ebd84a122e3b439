// Results that many proxies share, made once for each model: the key says all of the proxy that the result depends on.
import type { Model } from '../model/build.ts';

/** Wraps a generator; equal keys of one model give the same object. Forgotten together with the model. */
export function sharedBy<K extends { readonly namespace: string }, T>(
  keyOf: (proxy: K) => string,
  make: (model: Model, proxy: K) => T,
): (model: Model, proxy: K) => T {
  const results = new WeakMap<Model, Map<string, T>>();
  return (model, proxy) => {
    const known = results.get(model) ?? new Map<string, T>();
    results.set(model, known);
    const key = keyOf(proxy);
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = make(model, proxy);
    known.set(key, made);
    return made;
  };
}
