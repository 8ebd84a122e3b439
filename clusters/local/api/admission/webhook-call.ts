// Calls one webhook: finds its address (url, or service by cluster address or endpoint) and posts the review over TLS.
import { request as httpsRequest } from 'node:https';
import { at, type Fields, isFields, list, rec, recs, str } from '../object.ts';
import type { Store } from '../storage/store.ts';

const maxResponseBytes = 4 * 1024 * 1024;

interface Target {
  readonly url: URL;
  readonly host: string;
  readonly port: number;
}

/** The `AdmissionReview` that a webhook answers. @throws with the words of upstream where it does not. */
export async function callWebhook(hook: Fields, body: string, timeoutSeconds: number, store: Store): Promise<Fields> {
  const client = rec(hook['clientConfig']);
  const { url, host, port } = targetOf(client, store);
  const path = `${url.pathname}${url.search}${url.search === '' ? '?' : '&'}timeout=${timeoutSeconds}s`;
  const shown = `Post "${url.origin}${path}"`;
  const caBundle = str(client['caBundle']);
  const { promise, resolve, reject } = Promise.withResolvers<Fields>();
  const outgoing = httpsRequest(
    {
      host,
      port,
      path,
      method: 'POST',
      servername: url.hostname,
      agent: false,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        host: url.host,
        'content-length': Buffer.byteLength(body),
        'user-agent': 'kube-apiserver-admission',
      },
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    },
    (incoming) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxResponseBytes) outgoing.destroy(new Error(`the answer is larger than ${maxResponseBytes} bytes`));
        else chunks.push(chunk);
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        if (incoming.statusCode !== 200) {
          reject(new Error(`${shown}: the server answered ${incoming.statusCode}`));
          return;
        }
        try {
          resolve(rec(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
        } catch {
          reject(new Error(`${shown}: the answer is no JSON`));
        }
      });
    },
  );
  outgoing.on('error', (error) => {
    const isLate = error.name === 'AbortError' || error.name === 'TimeoutError';
    reject(new Error(`${shown}: ${isLate ? 'context deadline exceeded' : error.message}`));
  });
  outgoing.end(body);
  return promise;
}

function targetOf(client: Fields, store: Store): Target {
  const service = client['service'];
  if (!isFields(service)) {
    const url = new URL(str(client['url']));
    if (url.protocol !== 'https:') throw new Error(`url ${JSON.stringify(str(client['url']))} is not https`);
    return { url, host: url.hostname, port: Number(url.port || 443) };
  }
  const name = str(service['name']);
  const namespace = str(service['namespace']);
  const port = typeof service['port'] === 'number' ? service['port'] : 443;
  const url = new URL(`https://${name}.${namespace}.svc:${port}${str(service['path']) || '/'}`);
  const found = store.get('/services', namespace, name);
  if (found === undefined) throw new Error(`Post "${url.href}": service "${name}" not found`);
  const endpoint = readyAddress(namespace, name, store);
  if (endpoint === undefined) throw new Error(`Post "${url.href}": no endpoints available for service "${name}"`);
  const address = str(at(found, 'spec', 'clusterIP'));
  if (address !== '' && address !== 'None') return { url, host: address, port };
  const target = recs(at(found, 'spec', 'ports')).find((item) => item['port'] === port)?.['targetPort'];
  return { url, host: endpoint, port: typeof target === 'number' ? target : port };
}

function readyAddress(namespace: string, name: string, store: Store): string | undefined {
  for (const slice of store.list('discovery.k8s.io/endpointslices', namespace)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== name) continue;
    for (const endpoint of recs(slice['endpoints']))
      if (at(endpoint, 'conditions', 'ready') !== false) return str(list(endpoint['addresses'])[0]);
  }
  const subsets = recs(store.get('/endpoints', namespace, name)?.['subsets']);
  const address = subsets.flatMap((subset) => recs(subset['addresses']))[0];
  return address === undefined ? undefined : str(address['ip']);
}
