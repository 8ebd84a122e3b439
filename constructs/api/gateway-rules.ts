// Rules across the fields of Gateway that Istio's webhook checks.
import type { Findings } from './findings.ts';
import type { RuleContext } from './kind.ts';
import type { GatewaySpec } from './gateway-spec.ts';

export function checkGateway(_spec: GatewaySpec, _path: string, _findings: Findings, _context: RuleContext): void {}
