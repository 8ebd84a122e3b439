// The node process: `main.ts --config FILE`. Runs inside the cluster's network namespace, as root. All wiring is here.
import { readFileSync } from 'node:fs';
import { toNodeConfig } from './config.ts';
import { ImageTable, toImageEntries } from './image-table.ts';

const flag = process.argv.indexOf('--config');
const file = flag < 0 ? undefined : process.argv[flag + 1];
if (file === undefined) {
  console.error('node: --config FILE is missing');
  process.exit(2);
}
const config = toNodeConfig(readFileSync(file, 'utf8'));
const images = new ImageTable(toImageEntries(readFileSync(config.images, 'utf8')), {
  node: config.nodeBinary,
  bundle: config.bundles,
});
console.error(`node ${config.nodeName}: ${images.names().length} images`);
