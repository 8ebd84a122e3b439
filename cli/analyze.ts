// `rig analyze`: findings with Istio's codes, on files or on the running environment. Output and exit codes are istioctl's.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, isMap, isNode, LineCounter, parseAllDocuments, stringify } from 'yaml';
import * as refs from '#lib/kube/refs.ts';
import {
  type AnalysedObject,
  analyze,
  formatMessage,
  isAtLeast,
  type Level,
  type Message,
  toJson,
} from '../services/control-plane/analyze/analyze.ts';
import { type ClusterOptions, readClusterObjects } from './cluster-objects.ts';
import { Failure } from './failure.ts';

/** istioctl's exit codes. */
const EXIT_FINDINGS = 79;
const EXIT_PARSE = 65;
const EXIT_USAGE = 64;
/** Largest file that is read, in bytes. */
const MAX_FILE = 16 * 1024 * 1024;

export interface AnalyzeVerbOptions extends ClusterOptions {
  readonly failureThreshold?: string | undefined;
  readonly outputThreshold?: string | undefined;
  readonly output?: string | undefined;
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean | undefined;
  readonly suppress?: readonly string[] | undefined;
  /** Looks things up in the running environment too, when files are given. */
  readonly useKube?: boolean | undefined;
  /** @default standard output */
  readonly write?: ((text: string) => void) | undefined;
}

/** Gives the exit code. */
export async function analyzeVerb(files: readonly string[], options: AnalyzeVerbOptions): Promise<number> {
  const print = options.write ?? ((text: string) => void process.stdout.write(text));
  const failureThreshold = levelOf(options.failureThreshold ?? 'Error', '--failure-threshold');
  const outputThreshold = levelOf(options.outputThreshold ?? 'Info', '--output-threshold');
  const format = options.output ?? 'log';
  if (!['log', 'json', 'yaml'].includes(format))
    throw new Failure(`-o ${format} is not known, use log, json or yaml`, { exitCode: EXIT_USAGE });
  const places: Place[] = [];
  const objects: AnalysedObject[] = files.flatMap(expand).flatMap((file) => readObjects(file, places));
  if (files.length === 0 || options.useKube) {
    const live = await readClusterObjects(options, [refs.secrets]);
    const given = new Set(objects.map(keyOf));
    objects.push(...live.filter((object) => !given.has(keyOf(object))));
  }
  const namespaces = options.allNamespaces || files.length > 0 ? undefined : [options.namespace ?? 'default'];
  const messages = analyze(objects, { namespaces, defaultNamespace: options.namespace ?? 'default' })
    .filter((each) => isAtLeast(each.level, outputThreshold))
    .filter((each) => !(options.suppress ?? []).some((rule) => isSuppressedBy(rule, each)));
  const reference = (each: Message): string | undefined => referenceOf(each, places);
  if (format === 'json')
    print(
      `${JSON.stringify(
        messages.map((each) => toJson(each, reference(each))),
        null,
        2,
      )}\n`,
    );
  else if (format === 'yaml') print(stringify(messages.map((each) => toJson(each, reference(each)))));
  else {
    for (const each of messages) print(`${formatMessage(each, reference(each))}\n`);
    const where = files.length > 0 ? files.join(', ') : namespaces ? `namespace: ${namespaces[0]}` : 'all namespaces';
    if (messages.length === 0) print(`✔ No validation issues found when analyzing ${where}.\n`);
  }
  const failed = format === 'log' && messages.some((each) => isAtLeast(each.level, failureThreshold));
  return failed ? EXIT_FINDINGS : 0;
}

function levelOf(text: string, option: string): Level {
  const level = (['Error', 'Warning', 'Info'] as const).find((each) => each.toLowerCase() === text.toLowerCase());
  if (!level) throw new Failure(`${option} ${text} is not known, use Error, Warning or Info`, { exitCode: EXIT_USAGE });
  return level;
}

const keyOf = ({
  apiVersion,
  kind,
  metadata,
}: {
  apiVersion: string;
  kind: string;
  metadata: { name?: string | undefined; namespace?: string | undefined };
}): string =>
  `${apiVersion.split('/').length > 1 ? apiVersion.split('/')[0] : ''} ${kind} ${metadata.namespace ?? 'default'}/${metadata.name}`;

/** Files of a folder, recursively; a file is itself. */
function expand(path: string): string[] {
  if (!existsSync(path)) throw new Failure(`there is no file or folder ${path}`, { exitCode: EXIT_USAGE });
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function readObjects(file: string, places: Place[]): AnalysedObject[] {
  if (statSync(file).size > MAX_FILE)
    throw new Failure(`${file} is larger than ${MAX_FILE} bytes`, { exitCode: EXIT_PARSE });
  const counter = new LineCounter();
  const documents = parseAllDocuments(readFileSync(file, 'utf8'), { lineCounter: counter });
  const found: AnalysedObject[] = [];
  for (const document of documents) {
    const [error] = document.errors;
    if (error) throw new Failure(`${file}: ${error.message}`, { exitCode: EXIT_PARSE });
    const value = document.toJS() as AnalysedObject | null;
    if (value === null || value === undefined) continue;
    const items = value.kind === 'List' ? ((value as unknown as { items?: AnalysedObject[] }).items ?? []) : [value];
    const start = isMap(document.contents) ? (document.contents.range?.[0] ?? 0) : 0;
    for (const item of items) {
      if (
        typeof item?.apiVersion !== 'string' ||
        typeof item.kind !== 'string' ||
        typeof item.metadata !== 'object' ||
        item.metadata === null
      ) {
        throw new Failure(
          `${file}:${counter.linePos(start).line}: not a Kubernetes object, it needs apiVersion, kind and metadata`,
          { exitCode: EXIT_PARSE },
        );
      }
      places.push({
        key: keyOf(item),
        at: (path) => `${file}:${counter.linePos(offsetOf(document, path) ?? start).line}`,
      });
      found.push(item);
    }
  }
  return found;
}

/** Where an object, and a field of it, stands in a file. */
interface Place {
  readonly key: string;
  at(path: string): string;
}

/** Where a field begins; undefined where the document does not have it as written. */
function offsetOf(document: Document, path: string): number | undefined {
  const steps = [...path.matchAll(/\[(\d+)\]|\["([^"]*)"\]|([^.[\]]+)/g)].map(([, index, quoted, name]) =>
    index === undefined ? (quoted ?? name!) : Number(index),
  );
  const node: unknown = steps.length === 0 ? undefined : document.getIn(steps, true);
  return isNode(node) ? (node.range?.[0] ?? undefined) : undefined;
}

const referenceOf = (each: Message, places: readonly Place[]): string | undefined =>
  places.find((place) => place.key === keyOf(each.resource as never))?.at(each.path);

/** `IST0101=VirtualService reviews.default`, `*` as wildcard. */
function isSuppressedBy(rule: string, { code, resource }: Message): boolean {
  const equals = rule.indexOf('=');
  if (equals < 0) throw new Failure(`--suppress ${rule} must be CODE=Kind name.namespace`, { exitCode: EXIT_USAGE });
  const { name, namespace } = resource.metadata;
  const target = `${resource.kind} ${name}${namespace ? `.${namespace}` : ''}`;
  const pattern = rule
    .slice(equals + 1)
    .split('*')
    .map((part) => part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&'))
    .join('.*');
  return rule.slice(0, equals) === code && new RegExp(`^${pattern}$`).test(target);
}
