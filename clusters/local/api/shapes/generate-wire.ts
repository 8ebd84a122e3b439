// Writes generated/wire.ts, field numbers of the built-in kinds' protobuf form, from Kubernetes' Go modules:
// `node generate-wire.ts GOMODCACHE/k8s.io/api@v0.34.4 GOMODCACHE/k8s.io/apimachinery@v0.34.4`.
// Pointer fields come from types.go: only for them a zero on the wire means that somebody wrote a zero.
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import definitionsText from './generated/definitions.ts';
import { textModule } from './generate.ts';

/** `[json name, type, flags]`; flags: r repeated, m map, p pointer. */
type WireField = readonly [name: string, type: string, flags: string];

const definitionNameOf = (proto: string): string => proto.replace(/^k8s\.io\./, 'io.k8s.');

function pointersOf(file: string): Map<string, Set<string>> {
  const result = new Map<string, Set<string>>();
  if (!existsSync(file)) return result;
  let struct = '';
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const start = /^type (\w+) struct \{/.exec(line);
    if (start !== null) {
      struct = start[1]!;
      result.set(struct, new Set());
    }
    const field = /^\s+\w+\s+\*[\w.]+\s+`.*json:"([^",]+)/.exec(line);
    if (field !== null) result.get(struct)?.add(field[1]!);
  }
  return result;
}

export function readProto(file: string): Record<string, Record<string, WireField>> {
  const text = readFileSync(file, 'utf8').replace(/\/\/.*$/gm, '');
  const prefix = /^package ([\w.]+);/m.exec(text)?.[1] ?? '';
  const pointers = pointersOf(join(dirname(file), 'types.go'));
  const result: Record<string, Record<string, WireField>> = {};
  const scalars = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'double', 'uint32', 'uint64']);
  const typeName = (type: string): string =>
    scalars.has(type)
      ? type
      : definitionNameOf(type.startsWith('.') ? type.slice(1) : type.includes('.') ? type : `${prefix}.${type}`);
  for (const [, name = '', body = ''] of text.matchAll(/^message (\w+) \{([^}]*)\}/gm)) {
    const fields: Record<string, WireField> = {};
    for (const [, label = '', key, value, plain, field = '', number = ''] of body.matchAll(
      /^\s*(optional |repeated )?(?:map<(\w+), ([\w.]+)>|([\w.]+)) (\w+) = (\d+)/gm,
    )) {
      const flags = `${key === undefined ? '' : 'm'}${label.trim() === 'repeated' ? 'r' : ''}${pointers.get(name)?.has(field) === true ? 'p' : ''}`;
      fields[number] = [field, typeName(value ?? plain ?? ''), flags];
    }
    result[definitionNameOf(`${prefix}.${name}`)] = fields;
  }
  return result;
}

if (import.meta.main) {
  const known = JSON.parse(definitionsText) as object;
  const packages = new Set(Object.keys(known).map((name) => name.slice(0, name.lastIndexOf('.'))));
  const lines: string[] = [];
  for (const root of process.argv.slice(2))
    for (const file of globSync('**/generated.proto', { cwd: root }).sort())
      for (const [name, fields] of Object.entries(readProto(join(root, file))))
        if (packages.has(name.slice(0, name.lastIndexOf('.'))))
          lines.push(`${JSON.stringify(name)}:${JSON.stringify(fields)}`);
  writeFileSync(join(import.meta.dirname, 'generated', 'wire.ts'), textModule(lines));
}
