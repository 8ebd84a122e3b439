// Parsers of what a pod's author may write: they answer or throw AgentConfigError.
import { test } from '@jest/globals';
import fc from 'fast-check';
import { tryParseGoDuration } from '../../services/agent/environment/go-duration.ts';
import { parseDownwardApi } from '../../services/agent/environment/pod-info.ts';
import { readProxyConfig } from '../../services/agent/environment/proxy-config.ts';
import { AgentConfigError } from '../../services/agent/environment/variables.ts';
import { parseIptablesFlags, FlagError } from '../../services/agent/iptables/flags.ts';
import { readAppProbes } from '../../services/agent/status/app-probes.ts';
import { readAppScrape } from '../../services/agent/status/metrics-merge.ts';

const seed = 20_260_823;
const onlyConfigErrors = (run: () => unknown): void => {
  try {
    run();
  } catch (error) {
    if (!(error instanceof AgentConfigError || error instanceof FlagError)) throw error;
  }
};

test('environment variables', () => {
  const text = fc.oneof(fc.string(), fc.json());
  fc.assert(
    fc.property(text, (value) => {
      onlyConfigErrors(() => readProxyConfig({ PROXY_CONFIG: value }));
      onlyConfigErrors(() => readAppProbes(value));
      onlyConfigErrors(() => readAppProbes(`{"/app-health/a/livez":${value}}`));
      onlyConfigErrors(() => readAppScrape(value));
      parseDownwardApi(value);
      parseDownwardApi(`k="${value}"`);
      tryParseGoDuration(value);
    }),
    { seed, numRuns: 2000 },
  );
});

test('flags of istio-iptables', () => {
  const word = fc.oneof(
    fc.constantFrom('-p', '-i', '-x', '-b', '-d', '-u', '*', '15001', '10.0.0.0/8', '--drop-invalid', '80,90'),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), (args) => onlyConfigErrors(() => parseIptablesFlags(args))),
    { seed, numRuns: 2000 },
  );
});
