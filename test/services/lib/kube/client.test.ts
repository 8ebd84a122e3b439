import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { KubeClient, pathOf } from '#lib/kube/client.ts';
import { isConflict, isGone, isNotFound, isTransient, KubeConnectionError, type KubeError } from '#lib/kube/errors.ts';
import { configMaps, deployments, leases, namespaces } from '#lib/kube/refs.ts';
import { FixtureApi, refuse, reply } from './fixture-api.ts';

const key = { namespace: 'default', name: 'a' };
let api: FixtureApi;
let client: KubeClient;
let server: string;
beforeEach(async () => {
  api = new FixtureApi();
  server = await api.start();
  client = new KubeClient({ server });
});
afterEach(async () => {
  client.close();
  await api.close();
});

describe('paths', () => {
  test('name resources as the API does', () => {
    expect(pathOf(namespaces, undefined, 'x', 'finalize')).toBe('/api/v1/namespaces/x/finalize');
    expect(pathOf(deployments, 'ns', 'web', 'status')).toBe('/apis/apps/v1/namespaces/ns/deployments/web/status');
    expect(pathOf(deployments)).toBe('/apis/apps/v1/deployments');
    expect(() => pathOf(deployments, undefined, 'web')).toThrow(/without a namespace/);
  });
});

describe('verbs', () => {
  test('round-trip objects and list them with apiVersion and kind', async () => {
    await client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key });
    const [item] = (await client.list(leases, { namespace: 'default' })).items;
    expect([item?.apiVersion, item?.kind, item?.metadata.name]).toEqual(['coordination.k8s.io/v1', 'Lease', 'a']);
    expect(await client.tryGet(leases, { ...key, name: 'b' })).toBeUndefined();
  });

  test('throw what the server said, with the request', async () => {
    const error = await client.get(configMaps, key).catch((each: unknown) => each as KubeError);
    expect(isNotFound(error)).toBe(true);
    expect((error as Error).message).toBe('GET /api/v1/namespaces/default/configmaps/a: NotFound it is');
    const made = api.put('configmaps', 'a');
    api.put('configmaps', 'a');
    expect(isConflict(await client.replace(configMaps, made).catch((each: unknown) => each))).toBe(true);
  });

  test('send patches and apply with their media types and options', async () => {
    api.put('configmaps', 'a');
    await client.patch(configMaps, key, { data: {} }, { type: 'strategic', subresource: 'status' });
    await client.apply(
      configMaps,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: key },
      { fieldManager: 'rigging', force: true },
    );
    const [patch, apply] = api.seen;
    expect(patch!.headers['content-type']).toBe('application/strategic-merge-patch+json');
    expect(patch!.url).toBe('/api/v1/namespaces/default/configmaps/a/status');
    expect(apply!.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(apply!.url).toBe('/api/v1/namespaces/default/configmaps/a?fieldManager=rigging&force=true');
  });

  test('page through a list', async () => {
    const page = (name: string, next: string) => ({
      metadata: { resourceVersion: '7', continue: next },
      items: [{ metadata: { name } }],
    });
    api.intercept = ({ url }, response) => {
      reply(response, 200, url.includes('continue=2') ? page('b', '') : page('a', '2'));
      return true;
    };
    const all = await client.listAll(configMaps);
    expect(all.items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    expect(all.resourceVersion).toBe('7');
  });
});

describe('limits and faults', () => {
  test('an answer that is too large is refused', async () => {
    const small = new KubeClient({ server }, { maxBytes: 1000 });
    api.put('configmaps', 'a', { data: { text: 'x'.repeat(2000) } });
    await expect(small.get(configMaps, key)).rejects.toThrow('answer larger than 1000 bytes');
    small.close();
  });

  test('an aborted request rejects with the reason and closes its socket', async () => {
    const stop = new AbortController();
    let closed: Promise<unknown> | undefined;
    api.intercept = (_, response) => {
      closed = new Promise((resolve) => response.on('close', resolve));
      stop.abort(new Error('enough'));
      return true;
    };
    await expect(client.get(configMaps, key, { signal: stop.signal })).rejects.toThrow('enough');
    await closed;
  });

  test('no answer is a connection error that names server and path', async () => {
    await api.close();
    const error = await client.get(configMaps, key).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(KubeConnectionError);
    expect(isTransient(error)).toBe(true);
    expect((error as Error).message).toContain(`${server}/api/v1/namespaces/default/configmaps/a`);
    await api.start();
  });

  test('a 401 asks for a new token, once', async () => {
    const asked: boolean[] = [];
    const token = async (refresh = false): Promise<string> => {
      asked.push(refresh);
      return refresh ? 'new' : 'old';
    };
    const authenticated = new KubeClient({ server, token: { token } });
    api.intercept = ({ headers }, response) => {
      if (headers.authorization === 'Bearer new') return false;
      refuse(response, 401, 'Unauthorized');
      return true;
    };
    api.put('configmaps', 'a');
    await authenticated.get(configMaps, key);
    expect(asked).toEqual([false, true]);
    authenticated.close();
  });

  test('warnings of the server are handed on', async () => {
    const warnings: string[] = [];
    const warned = new KubeClient({ server }, { onWarning: (text) => warnings.push(text) });
    api.intercept = (_, response) => {
      reply(response, 200, {}, { Warning: '299 - "v1 \\"old\\" is deprecated", 299 - "second"' });
      return true;
    };
    await warned.get(configMaps, key);
    expect(warnings).toEqual(['v1 "old" is deprecated', 'second']);
    warned.close();
  });

  test('an ERROR in a watch throws it', async () => {
    api.put('configmaps', 'a');
    api.compact();
    const first = client.watch(configMaps, { namespace: 'default', resourceVersion: '1' }).next();
    expect(isGone(await first.catch((error: unknown) => error))).toBe(true);
  });
});
