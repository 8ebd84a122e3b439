import { describe, expect, test } from '@jest/globals';
import { cleanupText, isApplied, parseSave, restoreText } from '../../../../services/agent/iptables/apply.ts';
import { FlagError, parseIptablesFlags } from '../../../../services/agent/iptables/flags.ts';
import { runIstioIptables } from '../../../../services/agent/iptables/program.ts';
import { interceptionRules } from '../../../../services/agent/iptables/rules.ts';

const INJECTED =
  '-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x  -b * -d 15090,15021,15020 --log_output_level=default:info'.split(' ');
const rules = (...args: string[]): readonly string[] =>
  interceptionRules(parseIptablesFlags(args).interception)[0]!.rules;

test('the flags of an injected pod give the rules of upstream, in its order', () => {
  expect(rules(...INJECTED)).toEqual([
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN',
    '-A PREROUTING -p tcp -j ISTIO_INBOUND',
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 15090 -j RETURN',
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 15021 -j RETURN',
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 15020 -j RETURN',
    '-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT',
    '-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001',
    '-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006',
    '-A OUTPUT -j ISTIO_OUTPUT',
    '-A ISTIO_OUTPUT -s 127.0.0.6/32 -o lo -j RETURN',
    '-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT',
    '-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT ! -d 127.0.0.1/32 -o lo -p tcp -m tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT',
    '-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN',
    '-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN',
    '-A ISTIO_OUTPUT -j ISTIO_REDIRECT',
  ]);
});

test('excluded and included ports, ranges and interfaces stand where upstream puts them', () => {
  const all = rules(
    '-i',
    '10.1.2.3/16,0.0.0.0/0,fd00::/8',
    '-x',
    '10.9.0.0/24',
    '-b',
    '8080,9090',
    '-q',
    '7',
    '-o',
    '3306',
    '-c',
    'net1',
  );
  expect(all.slice(0, 2)).toEqual(['-A PREROUTING -i net1 -j RETURN', '-A OUTPUT -o net1 -j RETURN']);
  expect(all.filter((rule) => rule.startsWith('-A ISTIO_INBOUND'))).toEqual([
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 15008 -j RETURN',
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 8080 -j ISTIO_IN_REDIRECT',
    '-A ISTIO_INBOUND -p tcp -m tcp --dport 9090 -j ISTIO_IN_REDIRECT',
  ]);
  expect(all.slice(-4)).toEqual([
    '-A ISTIO_OUTPUT -d 10.9.0.0/24 -j RETURN',
    '-A ISTIO_OUTPUT -p tcp -m tcp --dport 7 -j ISTIO_REDIRECT',
    '-A ISTIO_OUTPUT -d 10.1.0.0/16 -j ISTIO_REDIRECT',
    '-A ISTIO_OUTPUT -j ISTIO_REDIRECT',
  ]);
  expect(all).toContain('-A ISTIO_OUTPUT -p udp -m udp --dport 3306 -j RETURN');
});

test('no inbound ports: nothing leads inbound traffic to the proxy', () => {
  expect(rules('-b', '').some((rule) => rule.startsWith('-A PREROUTING'))).toBe(false);
});

test.each([
  [['-p', '70000'], /-p: "70000" is no port/],
  [['-i', '10.0.0.0/33'], /-i: .* is no IPv4 range/],
  [['-x', '*'], /would exclude everything/],
  [['-u', 'root'], /no numeric id/],
  [['-m', 'TPROXY'], /TPROXY is not supported/],
  [['--redirect-dns'], /DNS capture is not supported/],
  [['--bogus'], /unknown flag "--bogus"/],
  [['-p'], /needs a value/],
  [['-c', 'eth0 -j DROP'], /no interface name/],
])('%j is refused', (args, message) => {
  expect(() => parseIptablesFlags(args)).toThrow(FlagError);
  expect(() => parseIptablesFlags(args)).toThrow(message);
});

test('environment variables stand in for flags', () => {
  const { interception } = parseIptablesFlags(['-b', '*'], {
    ENVOY_PORT: '16001',
    INVALID_DROP: 'true',
    PROXY_UID: '1,2',
  });
  expect(interception).toMatchObject({
    outboundPort: 16001,
    dropInvalid: true,
    proxyUids: ['1', '2'],
    proxyGids: ['1', '2'],
  });
  expect(interceptionRules(interception)[1]!.rules[0]).toBe(
    '-A PREROUTING -m conntrack --ctstate INVALID -j ISTIO_DROP',
  );
});

describe('applying', () => {
  const [want] = interceptionRules(parseIptablesFlags(INJECTED).interception);
  const saved = (lines: readonly string[]): string =>
    [':OUTPUT ACCEPT [3:4]', ...want!.chains.map((chain) => `:${chain} - [0:0]`), ...lines].join('\n');

  test('recognises its own rules, whatever stands beside them', () => {
    expect(isApplied(parseSave(saved(want!.rules)), want!)).toBe(true);
    expect(isApplied(parseSave(saved(['-A OUTPUT -d 10.96.0.1/32 -j KUBE', ...want!.rules])), want!)).toBe(true);
    expect(isApplied(parseSave(saved(want!.rules.slice(1))), want!)).toBe(false);
    expect(isApplied(parseSave(saved([...want!.rules, '-A ISTIO_OUTPUT -j ACCEPT'])), want!)).toBe(false);
    expect(isApplied(parseSave(want!.rules.join('\n')), want!)).toBe(false);
  });

  test('replaces old jumps instead of adding to them, and leaves others alone', () => {
    const text = restoreText(parseSave(saved(['-A OUTPUT -p tcp -j ISTIO_OUTPUT', '-A OUTPUT -j OTHER'])), want!);
    expect(text.split('\n').filter((line) => line.startsWith('-D'))).toEqual(['-D OUTPUT -p tcp -j ISTIO_OUTPUT']);
  });

  test('cleanup names only chains that are there', () => {
    expect(cleanupText(parseSave(':OUTPUT ACCEPT [0:0]'), 'nat')).toBeUndefined();
    expect(cleanupText(parseSave(':ISTIO_OUTPUT - [0:0]\n-A OUTPUT -j ISTIO_OUTPUT'), 'nat')).toBe(
      '*nat\n-D OUTPUT -j ISTIO_OUTPUT\n-F ISTIO_OUTPUT\n-X ISTIO_OUTPUT\nCOMMIT\n',
    );
  });

  test('exit codes: 2 for wrong flags, 1 when a tool fails, 126 when validation finds no rules', async () => {
    const lines: string[] = [];
    const io = { env: {}, log: (line: string) => lines.push(line), run: async () => '' };
    expect(await runIstioIptables(['--bogus'], io)).toBe(2);
    expect(await runIstioIptables([...INJECTED, '--run-validation', '--skip-rule-apply'], io)).toBe(126);
    const failing = { ...io, run: () => Promise.reject(new Error('iptables-save is not installed')) };
    expect(await runIstioIptables(INJECTED, failing)).toBe(1);
    expect(lines.at(-1)).toBe('istio-iptables: iptables-save is not installed');
  });
});
