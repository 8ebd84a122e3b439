// The embedded API server beside a real one: the same requests, and equal answers but for the differences that are listed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, test } from '@jest/globals';
import { createApiServer } from '../../../clusters/local/api/server.ts';
import { ensurePki } from '../../../clusters/local/pki.ts';
import { startRealKubernetes, whyNoRealKubernetes } from '../../harness/real-kubernetes.ts';
import { callerOf, runPairs } from './compare.ts';
import { differences } from './differences.ts';
import { exchanges } from './exchanges.ts';

const missing = whyNoRealKubernetes();
const withReal = missing === undefined ? test : test.skip;

test('there are at least 200 exchanges, and every listed difference names one of them', () => {
  expect(exchanges.length).toBeGreaterThanOrEqual(200);
  const names = new Set(exchanges.map((exchange) => exchange.name));
  expect(Object.keys(differences).filter((name) => !names.has(name))).toEqual([]);
});

withReal(
  'answers are equal to those of a real kube-apiserver',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'api-pairs-'));
    const real = await startRealKubernetes();
    const stop = new AbortController();
    try {
      const pki = await ensurePki(join(dir, 'pki'));
      const server = await createApiServer({ dataDir: join(dir, 'data'), pkiDir: pki.dir, port: 0 }).start(stop.signal);
      try {
        const ours = { ...callerOf(pki.adminKubeconfig), url: new URL(server.url) };
        const pairs = await runPairs(ours, callerOf(real.kubeconfig));
        const surprises = pairs.filter(
          (pair) => differences[pair.exchange.name] === undefined && !isDeepStrictEqual(pair.ours, pair.real),
        );
        expect(surprises.map(({ exchange, ours: a, real: b }) => ({ name: exchange.name, ours: a, real: b }))).toEqual(
          [],
        );
      } finally {
        stop.abort();
        await server.closed;
      }
    } finally {
      await real.close();
      rmSync(dir, { recursive: true, force: true });
    }
  },
  180_000,
);
