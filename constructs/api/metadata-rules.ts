// Rules about metadata that hold for every kind: reserved annotations and the dry-run annotation.
import type { ObjectMeta } from './definition.ts';
import type { Findings } from './findings.ts';
import { Annotation } from './names.ts';
import { joinPath } from './problem.ts';
import { isRecord } from './shape.ts';

/** Go's strconv.ParseBool. */
const BOOLEANS = ['1', 't', 'T', 'TRUE', 'true', 'True', '0', 'f', 'F', 'FALSE', 'false', 'False'];

export function checkMetadata(
  kind: string,
  metadata: ObjectMeta,
  object: Readonly<Record<string, unknown>>,
  findings: Findings,
): void {
  const annotations: Readonly<Record<string, unknown>> = isRecord(metadata.annotations) ? metadata.annotations : {};
  const at = (name: string): string => joinPath('metadata.annotations', name);
  if (annotations[Annotation.alwaysReject] !== undefined) {
    findings.error(
      at(Annotation.alwaysReject),
      'always-reject',
      'the object asks to be refused (readiness proof of the webhook)',
    );
  }
  for (const name of [Annotation.internalParents, Annotation.internalParentNamespace]) {
    if (annotations[name] !== undefined)
      findings.error(at(name), 'internal-annotation', 'may not be set by users, remove it');
  }
  const dryRun = annotations[Annotation.dryRun];
  if (dryRun === undefined) return;
  if (kind !== 'AuthorizationPolicy') {
    findings.error(
      at(Annotation.dryRun),
      'misplaced-annotation',
      'only AuthorizationPolicy supports it, remove the annotation',
    );
    return;
  }
  if (typeof dryRun !== 'string' || !BOOLEANS.includes(dryRun)) {
    findings.error(at(Annotation.dryRun), 'bad-annotation', `must be "true" or "false", got ${JSON.stringify(dryRun)}`);
  }
  const action = isRecord(object.spec) ? (object.spec.action ?? 'ALLOW') : 'ALLOW';
  if (action !== 'ALLOW' && action !== 'DENY') {
    findings.error(
      at(Annotation.dryRun),
      'bad-annotation',
      `works only with action ALLOW or DENY, found ${JSON.stringify(action)}`,
    );
  }
}
