// The SDK's own run logic executes the program behind Pulumi.yaml, with mocks in the engine's place.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import * as pulumi from '@pulumi/pulumi';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..', '..');

test('Pulumi.yaml names the guard, and the program behind it declares one object', async () => {
  const project = parse(readFileSync(join(root, 'Pulumi.yaml'), 'utf8')) as { main: string; runtime: { name: string } };
  expect(project.runtime.name).toBe('nodejs');
  const registered: { type: string; inputs: { metadata?: { name?: string } } }[] = [];
  await pulumi.runtime.setMocks({
    newResource: (args) => {
      registered.push({ type: args.type, inputs: args.inputs });
      return { id: `${args.name}-id`, state: args.inputs };
    },
    call: (args) => args.inputs,
  });
  const { outputs } = (await import(join(root, project.main))) as { outputs: { configMap: pulumi.Output<string> } };
  const name = await new Promise<string>((resolve) => outputs.configMap.apply((it) => resolve(it)));
  expect(name).toBe('rigging-environment');
  expect(registered.map((it) => it.type)).toEqual(['kubernetes:core/v1:ConfigMap']);
});

test('the guard tells an old Node what to do', () => {
  expect(readFileSync(join(root, 'clusters/main.js'), 'utf8')).toContain("npx -c 'pulumi up -s <env>'");
});
