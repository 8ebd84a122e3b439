import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeVolume } from '../../../../clusters/local/node/volumes/atomic-writer.ts';
import { toMounts } from '../../../../clusters/local/node/volumes/pod-volumes.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rig-volumes-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const file = (text: string) => ({ data: Buffer.from(text), mode: 0o644 });

describe('a volume made of files', () => {
  test('changes all at once, and only when something changed', () => {
    const volume = join(dir, 'v');
    expect(
      writeVolume(
        volume,
        new Map([
          ['a', file('1')],
          ['sub/b', file('2')],
        ]),
      ),
    ).toBe(true);
    const before = readlinkSync(join(volume, '..data'));
    expect(
      writeVolume(
        volume,
        new Map([
          ['a', file('1')],
          ['sub/b', file('2')],
        ]),
      ),
    ).toBe(false);
    expect(readlinkSync(join(volume, '..data'))).toBe(before);
    expect(readFileSync(join(volume, 'sub/b'), 'utf8')).toBe('2');
    expect(writeVolume(volume, new Map([['a', file('3')]]))).toBe(true);
    expect(readFileSync(join(volume, 'a'), 'utf8')).toBe('3');
    expect(readdirSync(volume).filter((name) => !name.startsWith('..'))).toEqual(['a']);
    expect(readdirSync(volume).filter((name) => name.startsWith('..'))).toHaveLength(2);
  });

  test.each(['../x', '/x', 'a/../../x', '..data', '', 'a//b', 'a\0b'])('%j is refused as a path', (path) => {
    expect(() => writeVolume(join(dir, 'v'), new Map([[path, file('')]]))).toThrow(/not a path inside a volume/);
  });
});

describe('subPath', () => {
  const mount = (subPath: string) =>
    toMounts(
      { name: 'c', volumeMounts: [{ name: 'v', mountPath: '/data/', subPath }] },
      new Map([['v', join(dir, 'v')]]),
      new Map(),
    );
  beforeEach(() => mkdirSync(join(dir, 'v')));

  test('is made inside the volume', () => {
    expect(mount('a/b')).toEqual([{ source: join(dir, 'v/a/b'), target: '/data', readOnly: false }]);
  });
  test.each(['../etc', '/etc', 'a/../../b'])('%s is refused', (path) => expect(() => mount(path)).toThrow(/subPath/));
  test('a symbolic link that leads out is refused, and nothing is made behind it', () => {
    mkdirSync(join(dir, 'outside'));
    symlinkSync(join(dir, 'outside'), join(dir, 'v/link'));
    expect(() => mount('link/new')).toThrow(/leads out of its volume/);
    expect(readdirSync(join(dir, 'outside'))).toEqual([]);
  });
});
