// A kubeconfig file -> the connection of one of its contexts. Paths in the file are relative to it.
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import {
  type ExecPlugin,
  execToken,
  fileToken,
  type KubeConnection,
  staticToken,
  type TokenSource,
} from './credentials.ts';

const MAX_BYTES = 1 << 20;

interface Kubeconfig {
  'current-context'?: string;
  clusters?: { name: string; cluster?: Record<string, unknown> }[];
  contexts?: { name: string; context?: { cluster?: string; user?: string; namespace?: string } }[];
  users?: { name: string; user?: Record<string, unknown> }[];
}

export interface KubeconfigOptions {
  /** @default the file's current-context */
  readonly context?: string | undefined;
}

/** The file kubectl would read: `$KUBECONFIG`'s first path, else `~/.kube/config`. */
export function defaultKubeconfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return env['KUBECONFIG']?.split(':').find((path) => path !== '') ?? join(homedir(), '.kube', 'config');
}

export function readKubeconfig(path: string, options: KubeconfigOptions = {}): KubeConnection {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Error(`cannot read kubeconfig ${path}: ${(cause as Error).message}`, { cause });
  }
  return parseKubeconfig(text, path, options);
}

/** `path` gives messages a place and relative file names a base. */
export function parseKubeconfig(text: string, path: string, options: KubeconfigOptions = {}): KubeConnection {
  const fail = (what: string): never => {
    throw new Error(`kubeconfig ${path}: ${what}`);
  };
  if (text.length > MAX_BYTES) fail(`larger than ${MAX_BYTES} bytes`);
  const config = (parse(text) ?? {}) as Kubeconfig;
  const contextName = options.context ?? config['current-context'];
  if (!contextName) fail('no context chosen: set current-context or pass --context');
  const named = <T extends { name: string }>(list: T[] | undefined, name: string | undefined, what: string): T =>
    list?.find((item) => item.name === name) ??
    fail(
      `${what} ${JSON.stringify(name)} not found; it has ${(list ?? []).map((item) => item.name).join(', ') || 'none'}`,
    );
  const { context = {} } = named(config.contexts, contextName, 'context');
  const { cluster = {} } = named(config.clusters, context.cluster, 'cluster');
  const { user = {} } = context.user ? named(config.users, context.user, 'user') : {};

  const base = dirname(resolve(path));
  const text64 = (from: Record<string, unknown>, field: string): string | undefined => {
    const inline = from[`${field}-data`];
    if (typeof inline === 'string' && inline !== '') return Buffer.from(inline, 'base64').toString('utf8');
    const file = from[field];
    return typeof file === 'string' && file !== '' ? readFileSync(resolve(base, file), 'utf8') : undefined;
  };
  const server = cluster['server'];
  if (typeof server !== 'string' || !URL.canParse(server)) {
    return fail(`cluster ${context.cluster}: server ${JSON.stringify(server)} is not a URL`);
  }
  if (cluster['proxy-url']) fail(`cluster ${context.cluster}: proxy-url is not supported`);
  if (user['auth-provider']) fail(`user ${context.user}: auth-provider was removed from Kubernetes; use exec`);
  return {
    server: server.replace(/\/+$/, ''),
    ca: text64(cluster, 'certificate-authority'),
    cert: text64(user, 'client-certificate'),
    key: text64(user, 'client-key'),
    serverName: cluster['tls-server-name'] as string | undefined,
    insecure: cluster['insecure-skip-tls-verify'] === true,
    token: toTokenSource(user, base),
    namespace: context.namespace,
  };
}

function toTokenSource(user: Record<string, unknown>, base: string): TokenSource | undefined {
  if (typeof user['tokenFile'] === 'string') return fileToken(resolve(base, user['tokenFile']));
  if (typeof user['token'] === 'string') return staticToken(user['token']);
  const exec = user['exec'] as ExecPlugin | undefined;
  return exec?.command ? execToken(exec) : undefined;
}
