// Guesses from the first bytes of a plaintext connection whether it speaks HTTP, as Envoy's http_inspector does.

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const MAX_LINE_BYTES = 8192;

/** `http/1.0`, `http/1.1`, `h2c`, `none` (something else), or undefined: more bytes are needed. */
export function sniffHttp(buffer: Buffer): 'http/1.0' | 'http/1.1' | 'h2c' | 'none' | undefined {
  const text = buffer.toString('latin1', 0, Math.min(buffer.length, MAX_LINE_BYTES));
  if (text.length < PREFACE.length ? PREFACE.startsWith(text) : text.startsWith(PREFACE)) {
    return text.length < PREFACE.length ? undefined : 'h2c';
  }
  const space = text.indexOf(' ');
  const method = space < 0 ? text : text.slice(0, space);
  if (!/^[A-Za-z-]{1,20}$/.test(method)) return text === '' ? undefined : 'none';
  const end = text.indexOf('\n');
  if (end < 0) return buffer.length >= MAX_LINE_BYTES ? 'none' : undefined;
  const version = /^\S+ \S+ HTTP\/1\.([01])\r?$/.exec(text.slice(0, end));
  if (version === null) return 'none';
  return version[1] === '1' ? 'http/1.1' : 'http/1.0';
}
