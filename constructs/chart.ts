// A cdk8s Chart that remembers where it was made; a plain cdk8s Chart works as well.
import { Chart as Cdk8sChart, type ChartProps } from 'cdk8s';
import type { Construct } from 'constructs';
import { freeScope } from './workload/mesh-construct.ts';
import { rememberPlace } from './workload/provenance.ts';

export class Chart extends Cdk8sChart {
  constructor(scope: Construct, id: string, props: ChartProps = {}) {
    super(freeScope(scope, id), id, { disableResourceNameHashes: true, ...props });
    rememberPlace(this);
  }
}
