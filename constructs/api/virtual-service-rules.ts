// Rules across the fields of VirtualService that Istio's webhook checks.
import type { Findings } from './findings.ts';
import type { RuleContext } from './kind.ts';
import type { VirtualServiceSpec } from './virtual-service-spec.ts';

export function checkVirtualService(
  _spec: VirtualServiceSpec,
  _path: string,
  _findings: Findings,
  _context: RuleContext,
): void {}
