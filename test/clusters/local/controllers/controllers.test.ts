import { startEmbeddedKubernetes } from '../../../harness/embedded-kubernetes.ts';
import { controllerSuite } from './suite.ts';

controllerSuite('controllers on the embedded API server', startEmbeddedKubernetes);
