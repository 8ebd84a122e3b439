// The CA's Secret in memory, shared by any number of replicas.
import type { CaStore } from '../../../../services/control-plane/ca/authority.ts';

export interface MemorySecret {
  data: Readonly<Record<string, string>> | undefined;
  version: number;
}

export function memoryStore(secret: MemorySecret): CaStore {
  let seen = 0;
  return {
    async fetch() {
      seen = secret.version;
      return secret.data;
    },
    async create(data) {
      await Promise.resolve();
      if (secret.data !== undefined) return 'exists';
      Object.assign(secret, { data, version: secret.version + 1 });
      return 'created';
    },
    async replace(data) {
      await Promise.resolve();
      if (secret.version !== seen) return 'conflict';
      Object.assign(secret, { data, version: secret.version + 1 });
      seen = secret.version;
      return 'replaced';
    },
  };
}
