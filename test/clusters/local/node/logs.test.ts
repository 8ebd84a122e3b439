import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ContainerLog, rotatedFiles } from '../../../../clusters/local/node/container/container-log.ts';
import { type LogOptions, streamLog, tryLogLine } from '../../../../clusters/local/node/kubelet/log-reader.ts';

let dir = '';
let file = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rig-logs-'));
  file = join(dir, '0.log');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function read(options: LogOptions = {}): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of streamLog(file, options, new AbortController().signal)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('container logs', () => {
  test('lines come back as they were written, whatever the chunks', async () => {
    const log = new ContainerLog(file);
    for (const chunk of ['one\ntw', 'o\n', 'three']) log.write('stdout', Buffer.from(chunk));
    log.end();
    expect(readFileSync(file, 'utf8')).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{18}Z stdout F one\n/);
    expect(await read()).toBe('one\ntwo\nthree');
    expect(await read({ tailLines: 2 })).toBe('two\nthree');
    expect(await read({ limitBytes: 5 })).toBe('one\nt');
    expect(await read({ timestamps: true, tailLines: 1 })).toMatch(/Z three$/);
    expect(await read({ since: new Date(Date.now() + 60_000) })).toBe('');
  });

  test('a long line is split and put together again', async () => {
    const log = new ContainerLog(file);
    log.write('stderr', Buffer.from(`${'x'.repeat(40_000)}\n`));
    log.end();
    expect(await read()).toBe(`${'x'.repeat(40_000)}\n`);
  });

  test('files rotate by size, and reading goes over all that are kept', async () => {
    const log = new ContainerLog(file, 200, 3);
    for (let index = 0; index < 12; index += 1) log.write('stdout', Buffer.from(`line ${index}\n`));
    log.end();
    expect(rotatedFiles(file)).toHaveLength(2);
    expect(await read({ tailLines: 1 })).toBe('line 11\n');
    expect((await read()).split('\n').length).toBeGreaterThan(4);
  });

  test('following sees each line once, until the container ends', async () => {
    const log = new ContainerLog(file);
    log.write('stdout', Buffer.from('first\n'));
    let text = '';
    for await (const part of streamLog(file, { follow: true }, new AbortController().signal)) {
      text += part.toString();
      if (text === 'first\n') log.write('stdout', Buffer.from('second\n'));
      else if (text === 'first\nsecond\n') log.end();
    }
    expect(text).toBe('first\nsecond\n');
  });

  test('no line crashes the parser', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void tryLogLine(Buffer.from(bytes))));
  });
});
