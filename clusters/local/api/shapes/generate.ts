// Writes the shapes of the built-in kinds (generated/definitions.ts) from a Kubernetes
// OpenAPI v2 document: `node generate.ts openapi-v2.json`. A document of a server of 1.34: `kubectl get --raw /openapi/v2`.
// Taken from the document rather than from client-node's models, because those lack list types, merge keys and defaults.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Json = { [key: string]: unknown };

/** Package prefixes of definitions that we serve. */
const served = [
  'io.k8s.api.admissionregistration.v1.',
  'io.k8s.api.apps.v1.',
  'io.k8s.api.authentication.v1.',
  'io.k8s.api.authorization.v1.',
  'io.k8s.api.autoscaling.v1.',
  'io.k8s.api.autoscaling.v2.',
  'io.k8s.api.batch.v1.',
  'io.k8s.api.coordination.v1.',
  'io.k8s.api.core.v1.',
  'io.k8s.api.discovery.v1.',
  'io.k8s.api.events.v1.',
  'io.k8s.api.networking.v1.',
  'io.k8s.api.policy.v1.',
  'io.k8s.api.rbac.v1.',
  'io.k8s.api.scheduling.v1.',
  'io.k8s.api.storage.v1.',
  'io.k8s.apiextensions-apiserver.',
  'io.k8s.apimachinery.',
];

/** Compact definitions from a whole document: names, types and list keys, without the texts, which are Kubernetes' own. */
export function compactShapes(document: Json): Json {
  const definitions: Json = {};
  const all = document['definitions'] as Json;
  for (const name of Object.keys(all).sort()) {
    if (!served.some((prefix) => name.startsWith(prefix))) continue;
    const definition = structuredClone(all[name]) as Json;
    delete definition['description'];
    for (const shape of Object.values((definition['properties'] ?? {}) as { [key: string]: Json }))
      delete shape['description'];
    const kinds = definition['x-kubernetes-group-version-kind'];
    if (Array.isArray(kinds) && kinds.length > 3) delete definition['x-kubernetes-group-version-kind'];
    definitions[name] = definition;
  }
  return definitions;
}

/** A module that exports JSON text, one entry a line: bundlers take it along, and it is parsed by those who need it. */
export function textModule(lines: readonly string[]): string {
  const text = `{\n${lines.join(',\n')}\n}`;
  return `// Written by generate.ts or generate-wire.ts; do not edit.\nconst text: string = String.raw\`${text.replaceAll('`', '\\u0060').replaceAll('${', '\\u0024{')}\`;\nexport default text;\n`;
}

if (import.meta.main) {
  const definitions = compactShapes(JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Json);
  const write = (name: string, value: Json): void => {
    const lines = Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}:${JSON.stringify(entry)}`);
    writeFileSync(join(import.meta.dirname, 'generated', name), textModule(lines));
  };
  write('definitions.ts', definitions);
}
