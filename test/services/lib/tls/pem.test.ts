import { expect, test } from '@jest/globals';
import { parseCertificates, parsePem, toPem } from '#lib/tls/pem.ts';

test('blocks are read in order and text between them is skipped', () => {
  const text = `subject=x\n${toPem('A', Buffer.from('one'))}\nissuer=y\r\n${toPem('B C', Buffer.alloc(100, 7))}`;
  expect(parsePem(text).map(({ label, der }) => [label, der.length])).toEqual([
    ['A', 3],
    ['B C', 100],
  ]);
});

test.each([
  ['-----BEGIN A-----\nAAAA', /does not end/],
  ['-----BEGIN A', /without a label/],
  ['-----BEGIN A-----\n****\n-----END A-----', /not base64/],
  ['-----BEGIN A-----\n-----END A-----', /not base64/],
  ['-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END A-----', /encrypted keys are not supported/],
])('%j is refused', (text, message) => {
  expect(() => parsePem(text)).toThrow(message);
});

test('bundles are bounded', () => {
  const block = toPem('A', Buffer.from('one'));
  expect(() => parsePem(block.repeat(3), { maxBlocks: 2 })).toThrow(/more than 2/);
  expect(() => parsePem(block, { maxBytes: 10 })).toThrow(/at most 10/);
});

test('a bundle holds certificates and nothing else', () => {
  expect(() => parseCertificates('nothing')).toThrow(/no PEM certificate/);
  expect(() => parseCertificates(toPem('PRIVATE KEY', Buffer.from('k')))).toThrow(/"PRIVATE KEY" where a CERTIFICATE/);
  expect(() => parseCertificates(toPem('CERTIFICATE', Buffer.from('k')))).toThrow(/certificate 1 does not parse/);
});
