// tcp-echo: sends every line back with a word in front. Arguments: ports (comma-separated) and the word.
import { createServer, type Server, type Socket } from 'node:net';

/** Longest line, in bytes; a longer one ends the connection. */
const MAX_LINE = 64 * 1024;

export function tcpEchoServer(prefix: string): Server {
  return createServer((socket: Socket) => {
    let rest = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE) socket.destroy();
      else if (lines.length > 0) socket.write(lines.map((line) => `${prefix} ${line}\n`).join(''), 'latin1');
    });
    socket.on('error', () => socket.destroy());
  });
}

if (import.meta.main) {
  const [ports = '9000', prefix = 'hello'] = process.argv.slice(2);
  const servers = ports
    .split(',')
    .map((port) =>
      tcpEchoServer(prefix).listen(Number(port), () => console.log(`tcp-echo listens on ${port}, prefix ${prefix}`)),
    );
  process.on('SIGTERM', () => {
    for (const server of servers) server.close();
    setTimeout(() => process.exit(0), 1000);
  });
}
