import { startEmbeddedKubernetes } from '../../../harness/embedded-kubernetes.ts';
import { restartSuite } from './restart-suite.ts';

restartSuite('restarts of the embedded API server', startEmbeddedKubernetes);
