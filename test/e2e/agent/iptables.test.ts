// Rules in a real network namespace: applied, applied again, taken away; and what they redirect. Needs root.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { runCommand, runIstioIptables } from '../../../services/agent/iptables/program.ts';

const ns = `rig-ipt-${process.pid}`;
const ip = (...args: string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const lines: string[] = [];
const io = {
  env: {},
  log: (line: string) => lines.push(line),
  run: (command: string, args: readonly string[], input?: string) =>
    runCommand('ip', ['netns', 'exec', ns, command, ...args], input),
};
const INJECTED = [
  '-p',
  '15001',
  '-z',
  '15006',
  '-u',
  '1337',
  '-m',
  'REDIRECT',
  '-i',
  '*',
  '-x',
  '',
  '-b',
  '*',
  '-d',
  '15090,15021,15020',
];
const save = (): Promise<string> => io.run('iptables-save', ['-t', 'nat']);
const bare = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.startsWith('-A') || line.startsWith(':'))
    .join('\n')
    .replace(/\[.*\]/g, '');

beforeAll(() => {
  ip('netns', 'add', ns);
  ip('-n', ns, 'link', 'set', 'lo', 'up');
});
afterAll(() => void ip('netns', 'del', ns));

test('applying twice changes nothing the second time, and cleanup leaves nothing', async () => {
  expect(await runIstioIptables(INJECTED, io)).toBe(0);
  const once = bare(await save());
  expect(once).toContain('-A PREROUTING -p tcp -j ISTIO_INBOUND');
  expect(once).toContain('-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN');
  expect(await runIstioIptables(INJECTED, io)).toBe(0);
  expect(lines.at(-1)).toMatch(/there already/);
  expect(await runIstioIptables([...INJECTED, '--force-apply'], io)).toBe(0);
  expect(bare(await save())).toBe(once);
  expect(await runIstioIptables([...INJECTED, '--run-validation', '--skip-rule-apply'], io)).toBe(0);
  expect(await runIstioIptables(['--cleanup-only'], io)).toBe(0);
  expect(bare(await save())).not.toContain('ISTIO');
  expect(await runIstioIptables([...INJECTED, '--run-validation', '--skip-rule-apply'], io)).toBe(126);
});

test('changed flags replace the rules of before', async () => {
  expect(await runIstioIptables([...INJECTED, '-c', 'net1', '-o', '3306'], io)).toBe(0);
  expect(
    await runIstioIptables(['-b', '8080', '-i', '10.0.0.0/8,172.16.5.9/12', '-x', '10.1.0.0/16', '--drop-invalid'], io),
  ).toBe(0);
  const text = bare(await save());
  expect(text.match(/-j ISTIO_INBOUND/g)).toHaveLength(1);
  expect(text).not.toContain('3306');
  expect(text).toContain('-A ISTIO_OUTPUT -d 172.16.0.0/12 -j ISTIO_REDIRECT');
  expect(await runIstioIptables(['--cleanup-only'], io)).toBe(0);
});
