// events.k8s.io/v1: the same events as in the core group, with other field names.
import type { ApiObject } from '../object.ts';
import { event } from './core.ts';
import { groupOf } from './registry.ts';

const renames: readonly (readonly [core: string, events: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

function rename(object: ApiObject, apiVersion: string, from: 0 | 1): ApiObject {
  const result: ApiObject = { ...object, apiVersion };
  for (const pair of renames) {
    const key = pair[from];
    if (!Object.hasOwn(result, key)) continue;
    result[pair[from === 0 ? 1 : 0]] = result[key];
    delete result[key];
  }
  return result;
}

export const eventsKinds = groupOf('events.k8s.io', 'v1', [
  {
    resource: 'events',
    kind: 'Event',
    short: ['ev'],
    storage: '/events',
    rules: event,
    conversion: {
      fromStored: (object) => rename(object, 'events.k8s.io/v1', 0),
      toStored: (object) => rename(object, 'v1', 1),
    },
  },
]);
