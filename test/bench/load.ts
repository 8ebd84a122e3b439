// Load generator and upstream server in one process: `load.ts`, then on standard input `{port, connections, seconds}` a line;
// answers with `{requests, failures, seconds, p50, p99}` a line. Bare sockets, so that it costs less than what it measures.
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';

const BODY = 'x'.repeat(512);
const RESPONSE = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const REQUEST =
  'GET /reviews/7?full=true HTTP/1.1\r\nHost: reviews:9080\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n' +
  'Cookie: session=0123456789abcdef0123456789abcdef\r\nend-user: somebody\r\n\r\n';

const upstream = createServer((socket) => {
  socket.setNoDelay(true);
  let rest = '';
  socket.on('data', (data) => {
    const text = rest + data.toString('latin1');
    let at = 0;
    for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n', at)) {
      at = end + 4;
      socket.write(RESPONSE, 'latin1');
    }
    rest = text.slice(at);
  });
  socket.on('error', () => {});
});
upstream.listen(0, '127.0.0.1', () =>
  process.stdout.write(`${JSON.stringify({ upstream: (upstream.address() as { port: number }).port })}\n`),
);

interface Order {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
}

async function generate({ port, connections, seconds }: Order): Promise<object> {
  const latencies: number[] = [];
  let requests = 0;
  let failures = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      socket.setNoDelay(true);
      let sent = 0;
      let left = -1;
      let text = '';
      const send = (): void => {
        sent = performance.now();
        if (sent >= end) {
          socket.destroy();
          return;
        }
        socket.write(REQUEST, 'latin1');
      };
      const done = (ok: boolean): void => {
        requests++;
        if (!ok) failures++;
        if ((requests & 15) === 0) latencies.push(performance.now() - sent);
        left = -1;
        text = '';
        send();
      };
      socket.on('connect', send);
      socket.on('data', (data) => {
        if (left >= 0) {
          left -= data.length;
          if (left <= 0) done(true);
          return;
        }
        text += data.toString('latin1');
        const head = text.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
        left = length - (text.length - head - 4);
        if (left <= 0) done(text.startsWith('HTTP/1.1 200'));
      });
      socket.on('error', () => {
        failures++;
      });
      socket.on('close', () => resolve());
    });
  await Promise.all(Array.from({ length: connections }, one));
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number => Number((latencies[Math.floor(latencies.length * q)] ?? 0).toFixed(2));
  return { requests, failures, seconds: (performance.now() - start) / 1000, p50: quantile(0.5), p99: quantile(0.99) };
}

createInterface({ input: process.stdin }).on('line', (line) => {
  void generate(JSON.parse(line) as Order).then((result) => process.stdout.write(`${JSON.stringify(result)}\n`));
});
process.stdin.on('end', () => process.exit(0));
