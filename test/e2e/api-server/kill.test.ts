// The API server's process under kill -9 and on bad disks: acknowledged writes stay, versions only grow, faults are named.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ensurePki } from '../../../clusters/local/pki.ts';
import { type Caller, callerOf } from '../../peers/kube-apiserver/compare.ts';

const kills = 25;
const program = join(import.meta.dirname, '../../../clusters/local/api/main.ts');
let dir: string;
let identity: Omit<Caller, 'url'>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'api-kill-'));
  const pki = await ensurePki(join(dir, 'pki'));
  identity = callerOf(pki.adminKubeconfig);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  readonly url: URL;
}

function start(dataDir: string): Promise<Running> {
  const file = join(dir, 'config.json');
  writeFileSync(file, JSON.stringify({ dataDir, pkiDir: join(dir, 'pki'), port: 0 }));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, '--config', file]);
  return new Promise((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const url = /listens on (\S+)/.exec(output)?.[1];
      if (url !== undefined) resolve({ child, url: new URL(url) });
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.on('exit', (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('exit', () => resolve()));

/** Undefined when the connection broke: the write may or may not have happened. */
function send(
  url: URL,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown } | undefined> {
  return new Promise((resolve) => {
    const outgoing = request(
      new URL(path, url),
      { ...identity, method, agent: false, headers: { 'content-type': 'application/json' } },
      (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        incoming.on('error', () => resolve(undefined));
        incoming.on('close', () => {
          if (!incoming.complete) resolve(undefined);
          else resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) });
        });
      },
    );
    outgoing.on('error', () => resolve(undefined));
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface Listed {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly { readonly metadata: { readonly name: string; readonly resourceVersion: string } }[];
}

const path = '/api/v1/namespaces/default/configmaps';

test('no acknowledged write is lost and no version goes backwards over kill -9 under load', async () => {
  const dataDir = join(dir, 'killed');
  const acknowledged = new Map<string, number>();
  let highest = 0;
  for (let round = 0; round < kills; round += 1) {
    const { child, url } = await start(dataDir);
    const listed = (await send(url, 'GET', path))?.body as Listed;
    const held = new Map(listed.items.map((item) => [item.metadata.name, Number(item.metadata.resourceVersion)]));
    for (const [name, revision] of acknowledged) expect(held.get(name)).toBe(revision);
    expect(Number(listed.metadata.resourceVersion)).toBeGreaterThanOrEqual(highest);
    // Four writers at once; the process is killed when so many writes of this round are acknowledged.
    const until = 3 + (round % 7) * 4;
    let count = 0;
    const writer = async (id: number): Promise<void> => {
      for (let n = 0; ; n += 1) {
        const name = `r${round}-w${id}-${n}`;
        const answer = await send(url, 'POST', path, { metadata: { name }, data: { name } });
        if (answer === undefined) return;
        expect(answer.status).toBe(201);
        const revision = Number((answer.body as Listed).metadata.resourceVersion);
        acknowledged.set(name, revision);
        highest = Math.max(highest, revision);
        count += 1;
        if (count === until) child.kill('SIGKILL');
      }
    };
    await Promise.all([1, 2, 3, 4].map(writer));
    await ended(child);
  }
  expect(acknowledged.size).toBeGreaterThan(kills * 3);
}, 240_000);

test('a damaged store is refused by name', async () => {
  const dataDir = join(dir, 'damaged');
  const { child } = await start(dataDir);
  child.kill('SIGKILL');
  await ended(child);
  for (const name of ['store.db', 'store.db-wal']) writeFileSync(join(dataDir, name), Buffer.alloc(8192, 7));
  await expect(start(dataDir)).rejects.toThrow(/store .*store\.db cannot be used: .*restore the file from a copy/s);
}, 60_000);
