import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { KubeClient } from '#lib/kube/client.ts';
import { Informer } from '#lib/kube/informer.ts';
import type { KubeObject } from '#lib/kube/object.ts';
import { configMaps } from '#lib/kube/refs.ts';
import { FixtureApi } from './fixture-api.ts';

let api: FixtureApi;
let client: KubeClient;
let stop: AbortController;
let log: string[];
let informer: Informer;
let waits: number[];
const changed = new Set<() => void>();

const entry = (verb: string, { metadata }: KubeObject): string =>
  `${verb} ${metadata.name}@${metadata.resourceVersion}`;

beforeEach(async () => {
  api = new FixtureApi();
  client = new KubeClient({ server: await api.start() });
  stop = new AbortController();
  log = [];
  waits = [];
  informer = new Informer({
    client,
    ref: configMaps,
    namespace: 'default',
    random: () => 0,
    wait: async (ms) => {
      waits.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
    },
  });
  const note = (text: string): void => {
    log.push(text);
    for (const check of [...changed]) check();
  };
  informer.subscribe({
    add: (object) => note(entry('add', object)),
    update: (object) => note(entry('update', object)),
    delete: (object) => note(entry('delete', object)),
  });
});
afterEach(async () => {
  stop.abort();
  client.close();
  await api.close();
});

/** Resolves once the log has `count` entries. */
function logged(count: number): Promise<void> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (log.length < count) return;
      changed.delete(check);
      resolve();
    };
    changed.add(check);
    check();
  });
}

test('mirrors a list and what follows, and tells late subscribers all of it', async () => {
  api.put('configmaps', 'a');
  informer.start(stop.signal);
  await informer.synced;
  expect(log).toEqual(['add a@101']);
  api.put('configmaps', 'b');
  api.put('configmaps', 'a');
  api.remove('configmaps', 'b');
  await logged(4);
  expect(log).toEqual(['add a@101', 'add b@102', 'update a@103', 'delete b@104']);
  const late: string[] = [];
  informer.subscribe({ add: (object) => late.push(entry('add', object)) });
  expect(late).toEqual(['add a@103']);
  expect(informer.get('default/a')?.metadata.resourceVersion).toBe('103');
});

test('over dropped watches no change is lost and none is told twice', async () => {
  informer.start(stop.signal);
  await informer.synced;
  const wanted: string[] = [];
  for (let round = 0; round < 20; round++) {
    const verb = round === 0 ? 'add' : 'update';
    wanted.push(entry(verb, api.put('configmaps', 'a', { data: { round: String(round) } })));
    if (round % 3 === 0) api.dropWatches();
    if (round % 5 === 0) await logged(wanted.length);
  }
  await logged(wanted.length);
  expect(log).toEqual(wanted);
  expect(api.seen.filter(({ url }) => !url.includes('watch=true'))).toHaveLength(1);
});

test('a version that is too old leads to a new list that tells only the differences', async () => {
  api.put('configmaps', 'kept');
  api.put('configmaps', 'changed');
  api.put('configmaps', 'gone');
  api.put('configmaps', 'remade');
  informer.start(stop.signal);
  await informer.synced;
  api.put('configmaps', 'probe');
  await logged(5);
  // All of this happens while nobody watches, and is forgotten before the informer is back.
  api.intercept = (_, response) => {
    response.destroy();
    return true;
  };
  api.dropWatches();
  api.put('configmaps', 'changed');
  api.remove('configmaps', 'gone');
  api.remove('configmaps', 'remade');
  api.put('configmaps', 'remade');
  api.compact();
  api.intercept = undefined;
  await logged(9);
  expect(log.slice(5).sort()).toEqual(['add remade@109', 'delete gone@103', 'delete remade@104', 'update changed@106']);
});

test('bookmarks move the version on, so that a quiet watch resumes without a list', async () => {
  informer.start(stop.signal);
  await informer.synced;
  api.put('configmaps', 'a');
  await logged(1);
  api.pass(50);
  api.bookmark();
  api.put('configmaps', 'b');
  await logged(2);
  api.dropWatches();
  api.put('configmaps', 'c');
  await logged(3);
  const versions = api.seen.flatMap(({ url }) => /watch=true.*resourceVersion=(\d+)/.exec(url)?.[1] ?? []);
  expect(versions.at(-1)).toBe('152');
  expect(informer.resourceVersion).toBe('153');
});

test('failures are retried later and later, and success forgets them', async () => {
  let refusals = 4;
  api.intercept = (_, response) => {
    if (refusals-- <= 0) return false;
    response.destroy();
    return true;
  };
  informer.start(stop.signal);
  await informer.synced;
  expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
});
