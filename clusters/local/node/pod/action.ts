// Probes and hooks: exec, httpGet, tcpSocket, grpc, sleep. One attempt, bounded in time and size.
import { request as httpRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { ExecResult } from '../container/runtime.ts';
import type { Action, Container, HttpGetAction } from '../pod-types.ts';

export interface ActionResult {
  readonly ok: boolean;
  /** What went wrong, for the event. */
  readonly message: string;
}

export interface ActionContext {
  readonly podIP: string;
  readonly container: Container;
  exec(command: readonly string[], timeoutMs: number): Promise<ExecResult>;
}

/** Part of a body kept for messages, in bytes. */
const maxBody = 10 * 1024;

const userAgent = 'kube-probe/1.34';

/** A port by number or by name in the container. */
export function findPort(port: number | string, container: Container): number {
  const named =
    typeof port === 'string' ? container.ports?.find(({ name }) => name === port)?.containerPort : undefined;
  const value = named ?? Number(port);
  if (!Number.isInteger(value) || value < 1 || value > 65535) throw new Error(`invalid port: ${port}`);
  return value;
}

/** Runs one action; never throws. */
export async function runAction(action: Action, context: ActionContext, timeoutMs: number): Promise<ActionResult> {
  try {
    if (action.exec !== undefined) {
      const result = await context.exec(action.exec.command ?? [], timeoutMs);
      if (result.timedOut)
        return {
          ok: false,
          message: `command timed out: ${JSON.stringify(action.exec.command)} timed out after ${timeoutMs / 1000}s`,
        };
      return { ok: result.exitCode === 0, message: result.output || `command exited with ${result.exitCode}` };
    }
    if (action.httpGet !== undefined) return await httpGet(action.httpGet, context, timeoutMs);
    if (action.tcpSocket !== undefined) {
      const host = action.tcpSocket.host || context.podIP;
      return await tcpConnect(host, findPort(action.tcpSocket.port, context.container), timeoutMs);
    }
    if (action.grpc !== undefined)
      return await grpcCheck(context.podIP, action.grpc.port, action.grpc.service ?? '', timeoutMs);
    if (action.sleep !== undefined) {
      const { seconds } = action.sleep;
      await new Promise((resolve) => setTimeout(resolve, Math.min(seconds * 1000, timeoutMs)));
      return { ok: true, message: '' };
    }
    return { ok: false, message: 'the action is empty' };
  } catch (error) {
    return { ok: false, message: (error as Error).message };
  }
}

function httpGet(action: HttpGetAction, context: ActionContext, timeoutMs: number): Promise<ActionResult> {
  const host = action.host || context.podIP;
  const port = findPort(action.port, context.container);
  const secure = (action.scheme ?? 'HTTP').toUpperCase() === 'HTTPS';
  const path = action.path ? (action.path.startsWith('/') ? action.path : `/${action.path}`) : '/';
  const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
  const headers: Record<string, string> = { 'User-Agent': userAgent, Accept: '*/*', Connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) {
    for (const key of Object.keys(headers)) if (key.toLowerCase() === name.toLowerCase()) delete headers[key];
    headers[name] = value;
  }
  return new Promise((resolve) => {
    const done = (ok: boolean, message: string): void => {
      clearTimeout(timer);
      request.destroy();
      resolve({ ok, message });
    };
    const options = { host, port, path, headers, agent: false as const, rejectUnauthorized: false };
    const request = secure ? httpsRequest(options) : httpRequest(options);
    const timer = setTimeout(
      () => done(false, `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`),
      timeoutMs,
    );
    request.on('response', (response) => {
      const code = response.statusCode ?? 0;
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        if (body.length < maxBody) body += text;
      });
      const finish = (): void => done(code >= 200 && code < 400, `HTTP probe failed with statuscode: ${code}`);
      response.on('end', finish).on('error', finish);
    });
    request.on('error', (error) => done(false, `Get "${url}": dial tcp ${host}:${port}: ${error.message}`));
    request.end();
  });
}

function tcpConnect(host: string, port: number, timeoutMs: number): Promise<ActionResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const done = (ok: boolean, message: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ok, message });
    };
    const timer = setTimeout(() => done(false, `dial tcp ${host}:${port}: i/o timeout`), timeoutMs);
    socket.once('connect', () => done(true, ''));
    socket.once('error', (error) => done(false, `dial tcp ${host}:${port}: ${error.message}`));
  });
}

/** HealthCheckRequest { string service = 1 } in a gRPC frame. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
function grpcCheck(host: string, port: number, service: string, timeoutMs: number): Promise<ActionResult> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://${host}:${port}`);
    const done = (ok: boolean, message: string): void => {
      clearTimeout(timer);
      session.destroy();
      resolve({ ok, message });
    };
    const failed = (error: Error): void =>
      done(false, `error: this server does not answer a gRPC health check: ${error.message}`);
    const timer = setTimeout(
      () => done(false, `timeout: failed to connect service "${host}:${port}" within ${timeoutMs / 1000}s`),
      timeoutMs,
    );
    session.on('error', failed);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'user-agent': userAgent,
      te: 'trailers',
    });
    let body = Buffer.alloc(0);
    let grpcStatus: unknown;
    stream.on('response', (headers) => {
      grpcStatus = headers['grpc-status'];
    });
    stream.on('trailers', (headers) => {
      grpcStatus = headers['grpc-status'];
    });
    stream.on('data', (chunk: Buffer) => {
      if (body.length < maxBody) body = Buffer.concat([body, chunk]);
    });
    stream.on('error', failed);
    stream.on('end', () => {
      // HealthCheckResponse { status = 1 }: SERVING is 1.
      const serving = String(grpcStatus ?? '0') === '0' && body.length >= 7 && body[5] === 0x08 && body[6] === 1;
      done(serving, `service unhealthy (grpc-status ${String(grpcStatus ?? 'none')})`);
    });
    stream.end(healthRequest(service));
  });
}
