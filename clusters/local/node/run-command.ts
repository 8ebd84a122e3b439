// Runs a system tool (ip, iptables-restore, mount, ...) and turns failure into one sentence.
import { spawn } from 'node:child_process';

/** Most output kept of one command, in bytes. */
const maxOutput = 1 << 20;

const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** Runs a program to its end and returns what it wrote; throws with its own message when it fails. */
export function runCommand(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: environment });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (out.length < maxOutput) out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (err.length < maxOutput) err += text;
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => reject(new Error(`${command}: ${error.message}; is it installed?`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${command} ${args.join(' ')}: ${err.trim() || `ended with ${signal ?? code}`}`));
    });
    child.stdin.end(input);
  });
}
