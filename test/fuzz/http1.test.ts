import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bodyReader } from '#lib/http/body.ts';
import { requestFraming } from '#lib/http/framing.ts';
import { findHeadEnd, parseRequestHead, parseResponseHead } from '#lib/http/head.ts';
import { HttpProtocolError } from '#lib/http/protocol-error.ts';
import { readClientHello } from '../../services/proxy/listen/client-hello.ts';
import { sniffHttp } from '../../services/proxy/listen/http-sniff.ts';

/** Bytes that look like HTTP often enough to get past the first checks. */
const piece = fc.oneof(
  fc.constantFrom(
    'GET ',
    'POST ',
    '/',
    ' HTTP/1.1\r\n',
    'Host: a\r\n',
    '\r\n',
    '\n',
    '\r',
    ':',
    ' ',
    '\0',
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'HTTP/1.1 200 OK\r\n',
    '5\r\n',
    '0\r\n\r\n',
  ),
  fc.string({ maxLength: 12 }),
);
const text = fc.array(piece, { maxLength: 24 }).map((parts) => parts.join(''));

function only(act: () => void): void {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(HttpProtocolError);
  }
}

test('no head makes the parser fail in any other way than by refusing', () => {
  fc.assert(
    fc.property(text, (input) => {
      only(() => {
        const buffer = Buffer.from(input, 'latin1');
        const end = findHeadEnd(buffer, 0);
        if (end < 0) return;
        const head = parseRequestHead(buffer.toString('latin1', 0, end - 2));
        requestFraming(head);
        // What was accepted is unambiguous: one line for each header, none broken.
        expect(/[^\r]\n|\r[^\n]|\0/.test(head.text)).toBe(false);
        expect(head.entries().every(([name]) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name))).toBe(true);
      });
      only(() => void parseResponseHead(input));
    }),
    { numRuns: 2000, seed: 7 },
  );
});

test('chunks end at the same byte however they are cut', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 7 }), (input, step) => {
      const buffer = Buffer.from(input, 'latin1');
      const run = (size: number): string => {
        const reader = bodyReader({ kind: 'chunked' }, true);
        if (reader === undefined) return '';
        let at = 0;
        let payload = '';
        try {
          while (at < buffer.length && !reader.done) {
            at += reader.feed(buffer.subarray(at, at + size), 0);
            payload += Buffer.concat(reader.payload).toString('latin1');
          }
        } catch (error) {
          expect(error).toBeInstanceOf(HttpProtocolError);
          return 'refused';
        }
        return `${at} ${reader.done} ${payload}`;
      };
      expect(run(step)).toBe(run(buffer.length || 1));
    }),
    { numRuns: 2000, seed: 8 },
  );
});

test('the inspectors answer to any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, tls) => {
      const buffer = Buffer.from(bytes);
      if (tls && buffer.length > 6) Buffer.from([0x16, 3, 1, 0, Math.min(255, buffer.length - 5), 1]).copy(buffer);
      expect(['object', 'string', 'undefined']).toContain(typeof readClientHello(buffer));
      expect([undefined, 'none', 'http/1.0', 'http/1.1', 'h2c']).toContain(sniffHttp(buffer));
    }),
    { numRuns: 2000, seed: 9 },
  );
});
