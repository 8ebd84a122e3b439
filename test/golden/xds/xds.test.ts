// Golden cases: test/golden/xds/<feature>/in.yaml is applied to Bookinfo; out.yaml holds every resource of a sidecar and of the
// gateway that differs by it. UPDATE_GOLDEN=1 writes out.yaml anew; review the diff.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import { formatProblem, isError } from '../../../constructs/api/problem.ts';
import { tryKindOf } from '../../../constructs/api/registry.ts';
import { allResources, generate } from '../../../services/control-plane/generate/index.ts';
import { buildModel } from '../../../services/control-plane/model/build.ts';
import type { Resource, Resources } from '../../../services/control-plane/model/resources.ts';
import { readable } from '../../harness/readable.ts';
import { bookinfo, router, sidecar } from '../../services/control-plane/generate/bookinfo.ts';

interface Document extends Resource<never> {
  readonly apiVersion: string;
  readonly kind: string;
}

const PLACE: Readonly<Record<string, keyof Resources>> = {
  Service: 'services',
  VirtualService: 'virtualServices',
  DestinationRule: 'destinationRules',
  Gateway: 'gateways',
  PeerAuthentication: 'peerAuthentications',
  AuthorizationPolicy: 'authorizationPolicies',
};

/** Bookinfo without any rule. */
const base = (): Resources => ({ ...bookinfo(), virtualServices: [], destinationRules: [], gateways: [] });

function apply(documents: readonly Document[]): Resources {
  const world: Record<string, unknown> = { ...base() };
  for (const document of documents) {
    const problems = tryKindOf(document.apiVersion, document.kind)?.validate(document).filter(isError) ?? [];
    if (problems.length > 0) throw new Error(problems.map(formatProblem).join('; '));
    if (document.kind === 'MeshConfig') {
      world['mesh'] = { ...(world['mesh'] as object), ...(document.spec as object) };
      continue;
    }
    const place = PLACE[document.kind];
    if (place === undefined) throw new Error(`golden cases take no ${document.kind}`);
    world[place] = [...((world[place] as unknown[] | undefined) ?? []), document];
  }
  return world as unknown as Resources;
}

/** `<proxy> <type> <name>` -> resource. */
function everything(resources: Resources): Map<string, unknown> {
  const model = buildModel(resources);
  const result = new Map<string, unknown>();
  for (const [who, proxy] of Object.entries({ sidecar, gateway: router })) {
    for (const { name, type, message } of allResources(generate(model, proxy)))
      result.set(`${who} ${type.slice(type.lastIndexOf('.') + 1)} ${name}`, readable(message));
  }
  return result;
}

const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();
const before = new Map([...everything(base())].map(([key, value]) => [key, JSON.stringify(value)]));

test.each(folders)('%s', (folder) => {
  const directory = join(import.meta.dirname, folder);
  const documents = parseAllDocuments(readFileSync(join(directory, 'in.yaml'), 'utf8')).map(
    (it) => it.toJS() as Document,
  );
  const after = everything(apply(documents));
  const changed = [...after].filter(([key, value]) => before.get(key) !== JSON.stringify(value));
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  const text = stringify(Object.fromEntries([...changed, ...gone]), { aliasDuplicateObjects: false, lineWidth: 0 });
  const path = join(directory, 'out.yaml');
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  expect(text).toBe(readFileSync(path, 'utf8'));
});
