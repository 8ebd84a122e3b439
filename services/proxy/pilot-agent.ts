// `pilot-agent request` and `pilot-agent wait`, which lifecycle hooks of injected pods call.
import { request } from 'node:http';
import { waitFor } from '#lib/backoff/backoff.ts';

function flag(args: readonly string[], name: string, fallback: number): number {
  const given = args.map((arg) => new RegExp(`^--${name}=(\\d+)$`).exec(arg)?.[1]).find((value) => value !== undefined);
  return given === undefined ? fallback : Number(given);
}

function call(port: number, method: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, method, path: path.startsWith('/') ? path : `/${path}` },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

/** `request [--debug-port=15000] METHOD PATH`; the exit status. */
export async function pilotAgentRequest(args: readonly string[]): Promise<number> {
  const [method, path] = args.filter((arg) => !arg.startsWith('--'));
  const port = flag(args, 'debug-port', 15_000);
  if (method === undefined || path === undefined) {
    process.stderr.write('usage: request [--debug-port=15000] METHOD PATH\n');
    return 2;
  }
  const { status, body } = await call(port, method, path);
  process.stdout.write(body);
  return status < 400 ? 0 : 1;
}

/** `wait [--timeoutSeconds=60]`: until the proxy is ready. */
export async function pilotAgentWait(args: readonly string[]): Promise<number> {
  const seconds = flag(args, 'timeoutSeconds', 60);
  for (let tries = 0; tries < seconds * 2; tries++) {
    const answer = await call(15_021, 'GET', '/healthz/ready').catch(() => undefined);
    if (answer?.status === 200) return 0;
    await waitFor(500);
  }
  process.stderr.write(`the proxy was not ready after ${seconds} s\n`);
  return 1;
}
