// YAML with sorted keys: the same bytes for the same value. For config maps and manifests.
import { stringify } from 'yaml';

/** Sorted at every level; long text is not folded, anchors are not used. */
export const toYamlText = (value: unknown): string =>
  stringify(value, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false });
