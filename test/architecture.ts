// The import table of docs/architecture.md: which room may import from which. Its test reads every import against it.

/** A room and what it may import besides its own folder. `*` stands for everything. */
export interface Row {
  readonly room: string;
  readonly mayImport: readonly string[];
  /** No node:* modules, clock or randomness. */
  readonly pure?: boolean;
}

const pureLibs = ['services/lib/match', 'services/lib/identity', 'services/lib/duration'];

/** The first row whose room is a prefix of the file decides. */
export const table: readonly Row[] = [
  { room: 'constructs/api', mayImport: [] },
  { room: 'services/wire', mayImport: [] },
  { room: 'services/lib', mayImport: ['services/wire', 'services/lib', 'constructs/api'] },
  { room: 'constructs/workload', mayImport: ['constructs/api'] },
  ...['traffic', 'security', 'gateways', 'telemetry', 'mesh'].map((room) => ({
    room: `constructs/${room}`,
    mayImport: [
      'constructs/api',
      'constructs/workload',
      'constructs/traffic',
      'constructs/gateways',
      'constructs/mesh',
    ],
  })),
  {
    room: 'constructs/testing',
    mayImport: [
      'constructs',
      'services/wire',
      'services/control-plane/model',
      'services/control-plane/generate',
      'services/control-plane/analyze',
      'services/lib/match',
    ],
  },
  {
    room: 'constructs/validation',
    mayImport: [
      'constructs',
      'services/control-plane/model',
      'services/control-plane/generate',
      'services/control-plane/analyze',
      'services/lib/match',
    ],
  },
  { room: 'constructs', mayImport: ['constructs', 'addons'] },
  { room: 'addons', mayImport: ['constructs/api', 'constructs/workload', 'constructs/mesh'] },
  { room: 'apps', mayImport: ['constructs', 'addons', 'apps'] },
  ...['model', 'generate', 'analyze'].map((room) => ({
    room: `services/control-plane/${room}`,
    mayImport: ['constructs/api', 'services/wire', 'services/control-plane/model', ...pureLibs],
    pure: true,
  })),
  { room: 'services/control-plane/serve', mayImport: ['services/wire', 'services/lib'] },
  ...['ingest', 'inject', 'validate', 'ca', 'gateways', 'status'].map((room) => ({
    room: `services/control-plane/${room}`,
    mayImport: ['constructs/api', 'services/wire', 'services/lib', 'services/control-plane/model'],
  })),
  {
    room: 'services/control-plane',
    mayImport: ['constructs/api', 'services/wire', 'services/lib', 'services/control-plane'],
  },
  { room: 'services/agent', mayImport: ['services/wire', 'services/lib'] },
  { room: 'services/ztunnel', mayImport: ['services/wire', 'services/lib'] },
  { room: 'services/cni', mayImport: ['services/wire', 'services/lib'] },
  { room: 'services/proxy', mayImport: ['services/wire', 'services/lib', 'services/agent'] },
  { room: 'clusters/local', mayImport: ['constructs/api', 'services/lib'] },
  { room: 'clusters', mayImport: ['*'] },
  { room: 'cli', mayImport: ['*'] },
  { room: 'test', mayImport: ['*'] },
];
