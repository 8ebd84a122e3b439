// Watches and leader election over crashes of a real kube-apiserver.
import { describe, test } from '@jest/globals';
import { startRealKubernetes, whyNoRealKubernetes } from '../harness/real-kubernetes.ts';
import { restartSuite } from '../services/lib/kube/restart-suite.ts';

const why = whyNoRealKubernetes();
if (why) {
  describe('restarts of a real API server', () => {
    test.skip(`skipped: ${why}`, () => undefined);
  });
} else {
  restartSuite('restarts of a real API server', startRealKubernetes);
}
