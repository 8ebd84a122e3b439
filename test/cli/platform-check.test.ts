import { createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import { ensureLocalCanRun } from '../../cli/platform-check.ts';
import { ensurePortsFree } from '../../cli/ports.ts';
import { ensureTools } from '../../cli/system-tools.ts';

test('macOS and Windows get their sentence with the two ways', () => {
  expect(() => ensureLocalCanRun('darwin', 501)).toThrow(/macOS.*Linux VM.*rig up kind/);
  expect(() => ensureLocalCanRun('win32', undefined)).toThrow(/Windows.*Linux VM.*rig up kind/);
});

test('missing privilege names what to do', () => {
  expect(() => ensureLocalCanRun('linux', 1000)).toThrow(/needs root: run it with sudo/);
  expect(() => ensureLocalCanRun('linux', 0)).not.toThrow();
});

test('a port in use names port, purpose and option', async () => {
  const server = createServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
  try {
    await expect(ensurePortsFree([{ port, what: 'ingress gateway, HTTP' }])).rejects.toThrow(
      new RegExp(`127\\.0\\.0\\.1:${port} \\(ingress gateway, HTTP\\).*--port-offset N`),
    );
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  await expect(ensurePortsFree([{ port, what: 'ingress gateway, HTTP' }])).resolves.toBeUndefined();
});

test('a missing system tool that may not be installed is named with its package', () => {
  const tools = [{ program: 'no-such-program', debianPackage: 'no-such-package', why: 'this test' }];
  expect(() => ensureTools(tools, { install: false, say: () => undefined })).toThrow(
    /missing: no-such-program \(this test\).*apt-get install -y no-such-package/,
  );
});
