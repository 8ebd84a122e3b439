// Looks into a TLS ClientHello without consuming it: server name and application protocols decide the filter chain.

export interface ClientHello {
  readonly serverName: string | undefined;
  readonly alpn: readonly string[];
}

/** Largest ClientHello that is waited for. */
export const MAX_HELLO_BYTES = 16 * 1024;

/** Undefined: more bytes are needed. `not-tls`: these bytes begin something else. */
export function readClientHello(buffer: Buffer): ClientHello | 'not-tls' | undefined {
  if (buffer.length > 0 && buffer[0] !== 0x16) return 'not-tls';
  if (buffer.length > 1 && buffer[1] !== 3) return 'not-tls';
  const handshake = handshakeBytes(buffer);
  if (handshake === 'not-tls' || handshake === undefined) return handshake;
  if (handshake[0] !== 1) return 'not-tls';
  return parseHello(handshake.subarray(4));
}

/** The first handshake message, put together from its records. */
function handshakeBytes(buffer: Buffer): Buffer | 'not-tls' | undefined {
  const parts: Buffer[] = [];
  let total = 0;
  let at = 0;
  let wanted = 4;
  while (total < wanted) {
    if (buffer.length < at + 5) return undefined;
    if (buffer[at] !== 0x16) return 'not-tls';
    const length = buffer.readUInt16BE(at + 3);
    if (length === 0 || length > 16_640) return 'not-tls';
    const end = Math.min(buffer.length, at + 5 + length);
    parts.push(buffer.subarray(at + 5, end));
    total += end - at - 5;
    if (total >= 4 && wanted === 4) {
      const first = Buffer.concat(parts);
      wanted = 4 + first.readUIntBE(1, 3);
      if (wanted > MAX_HELLO_BYTES) return 'not-tls';
    }
    if (total < wanted && end < at + 5 + length) return undefined;
    at += 5 + length;
  }
  return Buffer.concat(parts).subarray(0, wanted);
}

function parseHello(hello: Buffer): ClientHello | 'not-tls' {
  try {
    let at = 34;
    at += 1 + hello.readUInt8(at);
    at += 2 + hello.readUInt16BE(at);
    at += 1 + hello.readUInt8(at);
    if (at >= hello.length) return { serverName: undefined, alpn: [] };
    const end = at + 2 + hello.readUInt16BE(at);
    at += 2;
    let serverName: string | undefined;
    let alpn: string[] = [];
    while (at + 4 <= end) {
      const type = hello.readUInt16BE(at);
      const body = hello.subarray(at + 4, at + 4 + hello.readUInt16BE(at + 2));
      if (type === 0) serverName = readServerName(body);
      else if (type === 16) alpn = readAlpn(body);
      at += 4 + body.length;
      if (body.length === 0 && hello.readUInt16BE(at - 2) > 0) break;
    }
    return { serverName, alpn };
  } catch (error) {
    if (error instanceof RangeError) return 'not-tls';
    throw error;
  }
}

function readServerName(body: Buffer): string | undefined {
  if (body.length < 5 || body[2] !== 0) return undefined;
  return body.toString('latin1', 5, 5 + body.readUInt16BE(3)).toLowerCase();
}

function readAlpn(body: Buffer): string[] {
  const protocols: string[] = [];
  let at = 2;
  while (at < body.length) {
    const length = body[at] ?? 0;
    protocols.push(body.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return protocols;
}
