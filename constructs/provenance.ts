// Which construct and which line of the program each object and each route came from: the content of .rig/provenance.json.
import type { SynthesisedObject } from './manifests.ts';
import { identityOf } from './manifests.ts';
import { placeOf } from './workload/provenance.ts';

export interface Provenance {
  /** Path of the construct. */
  readonly construct: string;
  /** Class of the construct. */
  readonly type: string;
  /** Absolute path and line; absent where not known. */
  readonly file?: string | undefined;
  readonly line?: number | undefined;
}

/** By identity of the object (`networking.istio.io.VirtualService default/reviews`), and by `<identity>#<route name>`. */
export function toProvenance(objects: readonly SynthesisedObject[]): Readonly<Record<string, Provenance>> {
  const result: Record<string, Provenance> = {};
  for (const { manifest, construct } of objects) {
    const identity = identityOf(manifest);
    result[identity] = provenanceOf(construct);
    const source = construct as { routeConstructs?: () => ReadonlyMap<string, SynthesisedObject['construct']> };
    if (manifest.kind !== 'VirtualService' || typeof source.routeConstructs !== 'function') continue;
    for (const [name, route] of source.routeConstructs()) result[`${identity}#${name}`] = provenanceOf(route);
  }
  return result;
}

function provenanceOf(construct: SynthesisedObject['construct']): Provenance {
  const place = placeOf(construct);
  return { construct: construct.node.path, type: construct.constructor.name, ...place };
}
