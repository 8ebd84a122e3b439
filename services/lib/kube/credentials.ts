// Who we are to the API server: TLS material, and bearer tokens that may rotate while we run.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Where an API server is and how to prove ourselves to it. */
export interface KubeConnection {
  /** `https://host:port`, with an optional path prefix. */
  readonly server: string;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  /** Accepts any server certificate. @default false */
  readonly insecure?: boolean | undefined;
  /** @default anonymous, or the client certificate */
  readonly token?: TokenSource | undefined;
  /** The context's namespace. @default default */
  readonly namespace?: string | undefined;
}

/** Gives the current bearer token; `refresh` asks for a new one after a 401. */
export interface TokenSource {
  token(refresh?: boolean): Promise<string | undefined>;
}

export function staticToken(token: string): TokenSource {
  return { token: () => Promise.resolve(token) };
}

const TOKEN_FILE_AGE_MS = 60_000;

/** Reads the file again once a minute, and at once after a 401: the kubelet rotates it in place. */
export function fileToken(path: string, now: () => number = Date.now): TokenSource {
  let value: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return {
    token: async (refresh = false) => {
      if (refresh || value === undefined || now() - readAt >= TOKEN_FILE_AGE_MS) {
        value = readFileSync(path, 'utf8').trim();
        readAt = now();
      }
      return value;
    },
  };
}

export interface ExecPlugin {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly apiVersion?: string | undefined;
  readonly installHint?: string | undefined;
}

const EXPIRY_MARGIN_MS = 60_000;

/**
 * Runs a credential plugin such as `aws eks get-token` and keeps its token until a minute before it expires.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export function execToken(plugin: ExecPlugin, now: () => number = Date.now): TokenSource {
  let current: Promise<{ token: string; expiresAt: number }> | undefined;
  const run = (): Promise<{ token: string; expiresAt: number }> =>
    new Promise((resolve, reject) => {
      const extra = Object.fromEntries((plugin.env ?? []).map(({ name, value }) => [name, value]));
      const apiVersion = plugin.apiVersion ?? 'client.authentication.k8s.io/v1';
      const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } });
      const env = { ...process.env, ...extra, KUBERNETES_EXEC_INFO: info };
      const options = { env, timeout: 60_000, maxBuffer: 1 << 20 };
      execFile(plugin.command, [...(plugin.args ?? [])], options, (error, stdout) => {
        const hint = plugin.installHint ? ` (${plugin.installHint})` : '';
        if (error) return reject(new Error(`credential plugin ${plugin.command} failed: ${error.message}${hint}`));
        try {
          const { status } = JSON.parse(stdout) as { status?: { token?: string; expirationTimestamp?: string } };
          if (!status?.token) throw new Error('its answer has no status.token');
          const expires = status.expirationTimestamp
            ? Date.parse(status.expirationTimestamp)
            : Number.POSITIVE_INFINITY;
          resolve({ token: status.token, expiresAt: expires - EXPIRY_MARGIN_MS });
        } catch (cause) {
          reject(new Error(`credential plugin ${plugin.command}: unusable answer: ${(cause as Error).message}${hint}`));
        }
      });
    });
  return {
    token: async (refresh = false) => {
      const known = await current?.catch(() => undefined);
      if (refresh || known === undefined || now() >= known.expiresAt) current = run();
      return (await current!).token;
    },
  };
}
