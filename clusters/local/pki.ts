// The embedded cluster's keys and certificates: one authority, the API server's and the nodes' serving certificates,
// the service-account key, client certificates and the kubeconfigs made of them. Files are readable by their owner alone.
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { issueCertificate, type Signer, selfSignCertificate, type Subject } from '#lib/tls/certificate.ts';
import { generatePrivateKey } from '#lib/tls/keys.ts';

/** Hosts that every API server certificate speaks for. */
export const apiServerHosts: readonly string[] = [
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  'localhost',
  '10.96.0.1',
  '127.0.0.1',
  '172.30.0.1',
];

export interface PkiOptions {
  /** Further names and IPv4 addresses of the API server. */
  readonly hosts?: readonly string[] | undefined;
  /** Address in the kubeconfigs. @default 'https://127.0.0.1:6443' */
  readonly server?: string | undefined;
  /** Address in the kubeconfigs of controllers and nodes, which live in the cluster's namespace. @default server */
  readonly internalServer?: string | undefined;
  /** Nodes that get a client identity and a serving certificate. @default ['rig-node-0'] */
  readonly nodes?: readonly string[] | undefined;
  /** Addresses that the nodes' serving certificates speak for. @default ['172.30.0.1', '127.0.0.1'] */
  readonly nodeAddresses?: readonly string[] | undefined;
  /** Name of cluster, context and user in the kubeconfigs. @default 'rigging' */
  readonly clusterName?: string | undefined;
}

/** Where each file is. */
export interface Pki {
  readonly dir: string;
  readonly caCert: string;
  readonly caKey: string;
  readonly servingCert: string;
  readonly servingKey: string;
  /** Signs service-account tokens (ES256). */
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  /** Client identity with which the API server calls the nodes. */
  readonly nodeClientCert: string;
  readonly nodeClientKey: string;
  readonly adminKubeconfig: string;
  readonly controllersKubeconfig: string;
  node(name: string): { readonly kubeconfig: string; readonly servingCert: string; readonly servingKey: string };
}

const dayMs = 24 * 3600_000;
/** Certificates with less than this left are issued anew at start. */
const renewBeforeMs = 30 * dayMs;

/** File names inside a PKI directory, without looking at the disk. */
export function pkiPaths(dir: string): Pki {
  const file = (name: string): string => join(dir, name);
  return {
    dir,
    caCert: file('ca.crt'),
    caKey: file('ca.key'),
    servingCert: file('apiserver.crt'),
    servingKey: file('apiserver.key'),
    serviceAccountKey: file('sa.key'),
    serviceAccountPublicKey: file('sa.pub'),
    nodeClientCert: file('apiserver-kubelet-client.crt'),
    nodeClientKey: file('apiserver-kubelet-client.key'),
    adminKubeconfig: file('admin.kubeconfig'),
    controllersKubeconfig: file('controllers.kubeconfig'),
    node: (name) => ({
      kubeconfig: file(`node-${name}.kubeconfig`),
      servingCert: file(`node-${name}-serving.crt`),
      servingKey: file(`node-${name}-serving.key`),
    }),
  };
}

/** Makes what is missing or about to expire, and keeps the rest: identities survive a restart. */
export async function ensurePki(dir: string, options: PkiOptions = {}): Promise<Pki> {
  const paths = pkiPaths(dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await chmod(dir, 0o700);
  const ca = await ensureAuthority(paths);
  if (!existsSync(paths.serviceAccountKey)) await writePrivate(paths.serviceAccountKey, await newKeyPem());
  const publicKey = createPublicKey(await readFile(paths.serviceAccountKey, 'utf8'));
  await writePrivate(paths.serviceAccountPublicKey, publicKey.export({ type: 'spki', format: 'pem' }).toString());

  const hosts = [...new Set([...apiServerHosts, ...(options.hosts ?? [])])];
  const server = options.server ?? 'https://127.0.0.1:6443';
  const internal = options.internalServer ?? server;
  const cluster = options.clusterName ?? 'rigging';
  await ensureLeaf(ca, paths.servingCert, paths.servingKey, { commonName: 'kube-apiserver' }, hosts);
  const masters = 'system:masters';
  await ensureLeaf(ca, paths.nodeClientCert, paths.nodeClientKey, {
    organization: masters,
    commonName: 'kube-apiserver-kubelet-client',
  });
  await ensureIdentity(ca, paths.adminKubeconfig, { organization: masters, commonName: 'admin' }, server, cluster);
  await ensureIdentity(
    ca,
    paths.controllersKubeconfig,
    { organization: masters, commonName: 'system:kube-controller-manager' },
    internal,
    cluster,
  );
  for (const name of options.nodes ?? ['rig-node-0']) {
    const node = paths.node(name);
    const subject = { organization: 'system:nodes', commonName: `system:node:${name}` };
    await ensureIdentity(ca, node.kubeconfig, subject, internal, cluster);
    const addresses = options.nodeAddresses ?? ['172.30.0.1', '127.0.0.1'];
    await ensureLeaf(ca, node.servingCert, node.servingKey, subject, [name, 'localhost', ...addresses]);
  }
  return paths;
}

async function ensureAuthority(paths: Pki): Promise<Signer> {
  if (!existsSync(paths.caCert) || !existsSync(paths.caKey)) {
    const pem = await newKeyPem();
    const now = Date.now();
    const certificate = selfSignCertificate(
      {
        subject: { commonName: 'rigging-ca' },
        names: {},
        ca: true,
        notBeforeMs: now - 3600_000,
        notAfterMs: now + 3650 * dayMs,
      },
      createPrivateKey(pem),
    );
    await writePrivate(paths.caKey, pem);
    await writePrivate(paths.caCert, certificate);
  }
  return {
    certificate: new X509Certificate(await readFile(paths.caCert)),
    privateKey: createPrivateKey(await readFile(paths.caKey)),
  };
}

async function ensureLeaf(
  ca: Signer,
  certFile: string,
  keyFile: string,
  subject: Subject,
  hosts: readonly string[] = [],
): Promise<{ readonly cert: string; readonly key: string }> {
  if (existsSync(certFile) && existsSync(keyFile)) {
    const cert = await readFile(certFile, 'utf8');
    if (isUsable(cert, ca, hosts)) return { cert, key: await readFile(keyFile, 'utf8') };
  }
  const leaf = await issueLeaf(ca, subject, hosts);
  await writePrivate(keyFile, leaf.key);
  await writePrivate(certFile, leaf.cert);
  return leaf;
}

async function issueLeaf(
  ca: Signer,
  subject: Subject,
  hosts: readonly string[],
): Promise<{ readonly cert: string; readonly key: string }> {
  const key = await newKeyPem();
  const now = Date.now();
  const cert = issueCertificate(
    {
      subject,
      publicKey: createPublicKey(key),
      names: { dnsNames: hosts.filter((host) => !isIPv4(host)), addresses: hosts.filter((host) => isIPv4(host)) },
      ca: false,
      notBeforeMs: now - 3600_000,
      notAfterMs: now + 365 * dayMs,
    },
    ca,
  );
  return { cert, key };
}

function isUsable(pem: string, ca: Signer, hosts: readonly string[]): boolean {
  const cert = new X509Certificate(pem);
  const names = cert.subjectAltName ?? '';
  return (
    Date.parse(cert.validTo) - Date.now() > renewBeforeMs &&
    cert.verify(ca.certificate.publicKey) &&
    hosts.every((host) => names.split(', ').includes(isIPv4(host) ? `IP Address:${host}` : `DNS:${host}`))
  );
}

async function ensureIdentity(
  ca: Signer,
  path: string,
  subject: Subject,
  server: string,
  cluster: string,
): Promise<void> {
  const base = path.replace(/\.kubeconfig$/, '');
  const leaf = await ensureLeaf(ca, `${base}.crt`, `${base}.key`, subject);
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: cluster,
        cluster: { server, 'certificate-authority-data': base64(ca.certificate.toString()) },
      },
    ],
    users: [
      {
        name: cluster,
        user: { 'client-certificate-data': base64(leaf.cert), 'client-key-data': base64(leaf.key) },
      },
    ],
    contexts: [{ name: cluster, context: { cluster, user: cluster } }],
    'current-context': cluster,
  };
  await writePrivate(path, `${JSON.stringify(config, null, 2)}\n`);
}

async function newKeyPem(): Promise<string> {
  return (await generatePrivateKey()).export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Replaces a file in one step, so that a reader never sees half of it. */
async function writePrivate(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
