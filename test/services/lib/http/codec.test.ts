import { describe, expect, test } from '@jest/globals';
import { bodyReader } from '#lib/http/body.ts';
import { cutHopByHop, keepsAlive, requestFraming, responseFraming, upgradeOf } from '#lib/http/framing.ts';
import { findHeadEnd, MAX_HEAD_BYTES, parseRequestHead, parseResponseHead } from '#lib/http/head.ts';

const request = (lines: string): ReturnType<typeof parseRequestHead> =>
  parseRequestHead(lines.replaceAll('\n', '\r\n'));

describe('heads', () => {
  test('are looked up whatever the case, repeated lines joined', () => {
    const head = request('GET /a?b HTTP/1.1\nHost: h\nX-A: 1\nx-a:  2 \n');
    expect([head.method, head.path, head.authority, head.minor]).toEqual(['GET', '/a?b', 'h', 1]);
    expect([head.get('X-a'), head.count('x-a'), head.get('x')]).toEqual(['1,2', 2, undefined]);
  });

  test('are changed in place', () => {
    const head = request('GET / HTTP/1.1\nHost: h\nX-A: 1\nX-B: 2\nx-a: 3\n');
    head.remove('x-a');
    head.set('x-b', '4');
    head.append('x-c', '5');
    head.setStartLine('GET /new HTTP/1.1');
    expect(head.text).toBe('GET /new HTTP/1.1\r\nHost: h\r\nx-b: 4\r\nx-c: 5\r\n');
    expect(head.lower).toBe(head.text.toLowerCase());
    expect(head.entries()).toEqual([
      ['Host', 'h'],
      ['x-b', '4'],
      ['x-c', '5'],
    ]);
  });

  test('of absolute targets are brought to path and Host', () => {
    const head = request('GET http://other:81/x?y HTTP/1.1\nHost: h\n');
    expect([head.path, head.authority, head.scheme]).toEqual(['/x?y', 'other:81', 'http']);
    expect(head.text).toBe('GET /x?y HTTP/1.1\r\nhost: other:81\r\n');
  });

  test.each([
    ['obs-fold', 'GET / HTTP/1.1\nHost: h\nx-a: 1\n 2\n', 'folded'],
    ['white space before a colon', 'GET / HTTP/1.1\nHost: h\nx-a : 1\n', 'white space'],
    ['a name that is no token', 'GET / HTTP/1.1\nHost: h\nx(a): 1\n', 'malformed'],
    ['NUL', 'GET / HTTP/1.1\nHost: h\nx-a: \0\n', 'NUL'],
    ['no Host', 'GET / HTTP/1.1\nx-a: 1\n', 'Host'],
    ['two Hosts', 'GET / HTTP/1.1\nHost: a\nHost: a\n', 'Host'],
    ['a Host with a path', 'GET / HTTP/1.1\nHost: a/b\n', 'host'],
    ['a relative target', 'GET a HTTP/1.1\nHost: a\n', 'target'],
    ['another version', 'GET / HTTP/2.0\nHost: a\n', 'request line'],
    ['spaces in the target', 'GET /a b HTTP/1.1\nHost: a\n', 'request line'],
  ])('with %s are refused', (_name, text, message) => {
    expect(() => request(text)).toThrow(message);
  });

  test('with a bare LF or CR are refused', () => {
    expect(() => parseRequestHead('GET / HTTP/1.1\r\nHost: a\nx: b\r\n')).toThrow('bare');
    expect(() => parseRequestHead('GET / HTTP/1.1\r\nHost: a\rx: b\r\n')).toThrow('bare');
    expect(() => findHeadEnd(Buffer.from('GET / HTTP/1.1\nHost: a\n\n'), 0)).toThrow('LF');
  });

  test('are bounded in bytes and lines', () => {
    expect(() => findHeadEnd(Buffer.alloc(MAX_HEAD_BYTES + 1, 97), 0)).toThrow('larger');
    expect(() => request(`GET / HTTP/1.1\nHost: a\n${'x: y\n'.repeat(101)}`)).toThrow('more than 100');
  });

  test('of responses', () => {
    const head = parseResponseHead('HTTP/1.0 404 Not Found\r\nA: b\r\n');
    expect([head.status, head.minor, keepsAlive(head)]).toEqual([404, 0, false]);
    expect(parseResponseHead('HTTP/1.1 200\r\n').status).toBe(200);
    expect(() => parseResponseHead('HTTP/1.1 20 OK\r\n')).toThrow('response line');
  });
});

describe('framing', () => {
  const framing = (lines: string): unknown => requestFraming(request(`POST / HTTP/1.1\nHost: h\n${lines}`));
  test('by length, chunks or nothing', () => {
    expect(framing('Content-Length: 3\n')).toEqual({ kind: 'length', bytes: 3 });
    expect(framing('Transfer-Encoding: Chunked\n')).toEqual({ kind: 'chunked' });
    expect(framing('')).toEqual({ kind: 'none' });
  });
  test.each([
    'Content-Length: 3\nTransfer-Encoding: chunked\n',
    'Content-Length: 3\nContent-Length: 3\n',
    'Content-Length: 3, 3\n',
    'Content-Length: -1\n',
    'Content-Length: 0x3\n',
    'Content-Length: \n',
    'Content-Length: 99999999999999999999\n',
    'Transfer-Encoding: gzip, chunked\n',
    'Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n',
    'Transfer-Encoding: xchunked\n',
    'Transfer-Encoding: \n',
  ])('that two parsers could read differently is refused: %j', (lines) => {
    expect(() => framing(lines)).toThrow();
  });
  test('of responses without a body', () => {
    const head = (status: number): ReturnType<typeof parseResponseHead> =>
      parseResponseHead(`HTTP/1.1 ${status} X\r\ncontent-length: 5\r\n`);
    expect([
      responseFraming(head(204), 'GET').kind,
      responseFraming(head(304), 'GET').kind,
      responseFraming(head(200), 'HEAD').kind,
    ]).toEqual(['none', 'none', 'none']);
    expect(responseFraming(parseResponseHead('HTTP/1.1 200 OK\r\n'), 'GET').kind).toBe('close');
  });
  test('connection headers end at this hop', () => {
    const head = request(
      'GET / HTTP/1.1\nHost: h\nConnection: x-a, keep-alive, host\nX-A: 1\nKeep-Alive: 5\nTE: gzip, trailers\nUpgrade: a\n',
    );
    cutHopByHop(head);
    expect(head.text).toBe('GET / HTTP/1.1\r\nHost: h\r\nte: trailers\r\n');
    expect(upgradeOf(request('GET / HTTP/1.1\nHost: h\nConnection: keep-alive, Upgrade\nUpgrade: WebSocket\n'))).toBe(
      'websocket',
    );
  });
});

describe('bodies', () => {
  const chunked = (text: string, decode = true): { payload: string; done: boolean; rest: string; trailers: string } => {
    const reader = bodyReader({ kind: 'chunked' }, decode);
    if (reader === undefined) throw new Error('no reader');
    const buffer = Buffer.from(text, 'latin1');
    let payload = '';
    let at = 0;
    // Byte by byte: no state may depend on how the bytes arrive.
    while (at < buffer.length && !reader.done) {
      at += reader.feed(buffer.subarray(at, at + 1), 0);
      payload += Buffer.concat(reader.payload).toString('latin1');
    }
    const whole = bodyReader({ kind: 'chunked' }, decode);
    expect(whole?.feed(buffer, 0)).toBe(at);
    expect(Buffer.concat(whole?.payload ?? []).toString('latin1')).toBe(payload);
    return { payload, done: reader.done, rest: text.slice(at), trailers: reader.trailers };
  };
  test('in chunks end where they end', () => {
    expect(chunked('3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET')).toEqual({
      payload: 'abc0123456789',
      done: true,
      rest: 'GET',
      trailers: 'T: v\r\n',
    });
  });
  test.each([
    'g\r\n',
    '\r\n',
    '3\nabc\r\n',
    '3\r\nabcd\r\n',
    '3\r\nabc\n',
    '3 \r\n',
    '-1\r\n',
    '0x3\r\n',
    '0\r\n\n',
    '0\r\nbad header\r\n\r\n',
    `${'1'.repeat(14)}\r\n`,
  ])('malformed %j is refused', (text) => {
    expect(() => chunked(text)).toThrow();
  });
  test('of a length', () => {
    const reader = bodyReader({ kind: 'length', bytes: 5 }, false);
    expect([
      reader?.feed(Buffer.from('abc'), 0),
      reader?.done,
      reader?.feed(Buffer.from('defg'), 0),
      reader?.done,
    ]).toEqual([3, false, 2, true]);
  });
});
