// The injection webhook called by a real kube-apiserver.
import { describe, test } from '@jest/globals';
import { startRealKubernetes, whyNoRealKubernetes } from '../../harness/real-kubernetes.ts';
import { injectionSuite } from '../../services/control-plane/inject/kubernetes-suite.ts';

const why = whyNoRealKubernetes();
if (why) {
  describe('injection by a real API server', () => {
    test.skip(`skipped: ${why}`, () => undefined);
  });
} else {
  injectionSuite('injection by a real API server', startRealKubernetes);
}
